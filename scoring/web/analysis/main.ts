import "@web/staff/staff.css";

import { createApp, h } from "vue";

import { followLanguage } from "@web/i18n";
import StaffGate from "@web/staff/StaffGate.vue";

import AnalysisPage from "./AnalysisPage.vue";

followLanguage();
createApp({ render: () => h(StaffGate, { here: "analysis" }, { default: () => h(AnalysisPage) }) }).mount("#app");
