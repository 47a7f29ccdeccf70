/** Who is signed in on this page, and what happens when they no longer are. */
import { computed, ref, shallowRef } from "vue";

import { get, post, Refused, standingHeaders } from "@web/http";

export type StaffRole =
  | "site_head"
  | "office_head"
  | "exam_clerk"
  | "bank_keeper"
  | "proctor"
  | "inspector"
  | "supervisor"
  | "sysadmin"
  | "secadmin"
  | "auditadmin";

export interface Account {
  id: string;
  display_name: string;
  roles: StaffRole[];
}
interface Session {
  account: Account;
  csrf_token: string;
}

/** undefined: not asked yet; null: nobody */
export const account = shallowRef<Account | null | undefined>(undefined);
/** the log-in ended although nobody signed out here: signed out by a person, elsewhere, or by time */
export const wasEnded = ref(false);
/** the server could not be asked */
export const isUnreachable = ref(false);

export const hasRole = (...roles: StaffRole[]) => computed(() => account.value?.roles.some((role) => roles.includes(role)) ?? false);

function take(session: Session): void {
  standingHeaders["X-CSRF-Token"] = session.csrf_token;
  account.value = session.account;
  wasEnded.value = false;
  isUnreachable.value = false;
}

/** Forget the person; what they saw is taken off the screen by the pages, which are drawn only for an account. */
function forget(): void {
  delete standingHeaders["X-CSRF-Token"];
  wasEnded.value = wasEnded.value || Boolean(account.value);
  account.value = null;
}

/** Ask the server who this is. Called at the start and every half minute, so that a forced sign-out is noticed. */
export async function whoAmI(): Promise<void> {
  try {
    take(await get<Session>("/api/staff/me"));
  } catch (failure) {
    if (isSignedOut(failure)) forget();
    else isUnreachable.value = true;
  }
}

/** Raises Refused with the server's words. */
export async function signIn(loginName: string, password: string): Promise<void> {
  take(await post<Session>("/api/staff/sign-in", { login_name: loginName, password }));
}

export async function signOut(): Promise<void> {
  await post("/api/staff/sign-out", {});
  forget();
  wasEnded.value = false;
}

export function isSignedOut(failure: unknown): boolean {
  return failure instanceof Refused && failure.status === 401;
}

/** Pages call this with whatever a request raised; a 401 ends the page's session. True when it did. */
export function noticeSignOut(failure: unknown): boolean {
  if (!isSignedOut(failure)) return false;
  forget();
  return true;
}

/** Where to go after signing in: only ever an address of this site. */
export function safeNext(search: string): string | null {
  const next = new URLSearchParams(search).get("next");
  return next && /^\/(?![/\\])/.test(next) ? next : null;
}
