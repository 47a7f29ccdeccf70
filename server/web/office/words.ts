/** Words of the exam office's page. */
import { translator } from "@web/i18n";

import { EN } from "./words_en";
import { ZH } from "./words_zh";

export type OfficeWord = keyof typeof ZH;
export const t = translator(ZH, EN);
