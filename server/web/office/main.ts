import "../staff/staff.css";
import "./office.css";

import { createApp } from "vue";

import { followLanguage } from "@web/i18n";

import OfficePage from "./OfficePage.vue";

followLanguage();
createApp(OfficePage).mount("#app");
