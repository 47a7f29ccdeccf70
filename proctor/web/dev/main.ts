/** The board on an invented room, for work on its looks: `npx vite`, then /static/dist/proctor/web/dev/. Never built. */
import "@web/base.css";

import { createApp } from "vue";

import { followLanguage, language } from "@web/i18n";

import BoardPage from "../BoardPage.vue";
import { inventedSurroundings } from "./invented_room";

const wish = new URLSearchParams(location.search);
if (wish.get("lang") === "en") language.value = "en";
followLanguage();
createApp(BoardPage, { around: inventedSurroundings(wish.get("scene") ?? "running", Number(wish.get("columns") ?? 8)) }).mount("#app");
