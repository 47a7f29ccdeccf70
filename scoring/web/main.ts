import "@web/staff/staff.css";

import { createApp, h } from "vue";

import { followLanguage } from "@web/i18n";
import StaffGate from "@web/staff/StaffGate.vue";

import ResultsPage from "./ResultsPage.vue";

followLanguage();
createApp({ render: () => h(StaffGate, { here: "results" }, { default: () => h(ResultsPage) }) }).mount("#app");
