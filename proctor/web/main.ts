import "@web/base.css";

import { createApp } from "vue";

import { get, standingHeaders } from "@web/http";
import { followLanguage } from "@web/i18n";

import BoardPage from "./BoardPage.vue";
import { liveSurroundings } from "./use_board";

followLanguage();

/** /board/<sitting>/<room> */
const [, , sittingId = "", roomId = ""] = location.pathname.split("/");

// The anti-forgery word of this log-in; without one every command is refused and says so.
get<{ csrf_token: string }>("/api/staff/me")
  .then(({ csrf_token }) => (standingHeaders["X-CSRF-Token"] = csrf_token))
  .catch(() => undefined)
  .finally(() => createApp(BoardPage, { around: liveSurroundings(sittingId, roomId) }).mount("#app"));
