import "./staff.css";

import { createApp } from "vue";

import { followLanguage } from "@web/i18n";

import StaffPage from "./StaffPage.vue";

followLanguage();
createApp(StaffPage).mount("#app");
