import "@web/staff/staff.css";

import { createApp, h } from "vue";

import { followLanguage } from "@web/i18n";
import StaffGate from "@web/staff/StaffGate.vue";

import BankPage from "./BankPage.vue";

followLanguage();
createApp({ render: () => h(StaffGate, { here: "bank" }, { default: () => h(BankPage) }) }).mount("#app");
