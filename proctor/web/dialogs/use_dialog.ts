/** What every dialog of the board does: send once, close when it was done, say why when it was not. */
import { ref } from "vue";

import type { CommandName } from "../commands";
import { useBoard } from "../use_board";
import type { CommandDone, Commands } from "../wire_types";
import { t } from "../words";

export function useDialog(close: () => void) {
  const { desk } = useBoard();
  const isSending = ref(false);
  const problem = ref("");

  async function run<Name extends CommandName>(name: Name, body: Commands[Name], whom = ""): Promise<CommandDone | null> {
    if (isSending.value) return null;
    isSending.value = true;
    problem.value = "";
    const outcome = await desk.run(name, body, whom);
    isSending.value = false;
    if (outcome.kind === "done") return outcome.reply;
    problem.value = outcome.kind === "refused" ? outcome.words : t("unknown");
    return null;
  }
  async function runAndClose<Name extends CommandName>(name: Name, body: Commands[Name], whom = ""): Promise<void> {
    if (await run(name, body, whom)) close();
  }
  return { isSending, problem, run, runAndClose };
}
