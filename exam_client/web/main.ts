/** Entry of the candidate page. */

import "@web/base.css";
import "./candidate.css";

import { createApp } from "vue";

import { followLanguage } from "@web/i18n";

import App from "./App.vue";
import { start } from "./start";

followLanguage();
createApp(App).mount("#app");
start();
