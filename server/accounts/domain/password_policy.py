"""Which passwords staff may choose (checklist A1): long enough, not among the common ones, nothing cut off."""

from __future__ import annotations

import re
import unicodedata

from server.core.errors import InvalidInput

SHORTEST = 8
#: Far above anything a person types; bounds the work of hashing, never the meaning.
LONGEST = 1024

# What remains of the common lists after digits and signs around them are taken off and look-alikes are undone.
COMMON_WORDS = frozenset(
    """
    abc abcd abcde abcdef abcdefg abcdefgh abcabc aaa access account admin administrator adminadmin asd asdasd asdf asdfasdf asdfgh
    asdfghjk asdfghjkl azerty baseball batman blink changeme charlie chocolate computer computers daniel default demo dragon examadmin
    exam flower football freedom guest hello helloworld hunter iloveu iloveyou jennifer jordan killer letmein login loveme lovely
    maggie manager master michael michelle mima mingyuan monkey mustang mypassword naruto newpassword nicole office operator pass
    passpass passwd password passwort pokemon princess proctor purple qazwsx qazwsxedc qqq qwe qweasd qweasdzxc qweqwe qwer qwerasdf
    qwerqwer qwert qwerty qwertyqwerty qwertyu qwertyui qwertyuio qwertyuiop root rootroot samsung secret server service shadow snoopy
    soccer spring starwars student summer sunshine superman support sysadmin system taylor teacher temp test testing testtest thomas
    tigger trustno user username warcraft welcome whatever winter woaini woaiwojia woaizhongguo kaoshi beijing shanghai xiaoming zhang
    wangyi liuwei zhongguo xyz zaq zxc zxcvbn zxcvbnm zxczxc zzz
    """.split()  # noqa: SIM905 - a list to be read by people
)
COMMON_EXACT = frozenset(
    """
    1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 q1w2e3r4 q1w2e3r4t5 zaq12wsx zaq1zaq1 zaq1xsw2 qwer1234 a1b2c3d4 1a2b3c4d 5201314 52013141314
    147258369 159357456 741852963 789456123 963852741 11223344 12341234 12344321 123123123 123454321 1234qwer 123qweasd 123qwe123 123698745
    """.split()  # noqa: SIM905
)
LOOK_ALIKES = str.maketrans(
    {"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "@": "a", "$": "s", "!": "i"}
)
SEQUENCES = ("01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")


def check_password(password: str, login_name: str) -> None:
    """Refuse a password that is too short, too long, common, or made from the login name.

    Raises:
        InvalidInput: `PASSWORD_TOO_SHORT`, `PASSWORD_TOO_LONG`, `PASSWORD_TOO_COMMON`.
    """
    if len(password) < SHORTEST:
        raise InvalidInput(
            "PASSWORD_TOO_SHORT",
            f"密码至少 {SHORTEST} 个字符，建议用几个词组成 15 个以上字符的短语。",
            f"A password has at least {SHORTEST} characters; a phrase of 15 or more is better.",
        )
    if len(password) > LONGEST:
        raise InvalidInput(
            "PASSWORD_TOO_LONG", f"密码最多 {LONGEST} 个字符。", f"A password has at most {LONGEST} characters."
        )
    if is_common(password, login_name):
        raise InvalidInput(
            "PASSWORD_TOO_COMMON",
            "这个密码太常见或与登录名太像，容易被猜到，请换一个。",
            "This password is too common or too close to the login name. Choose another one.",
        )


def is_common(password: str, login_name: str = "") -> bool:
    """True for what guessers try first: listed words with decorations, runs, repetitions, the login name itself."""
    folded = unicodedata.normalize("NFKC", password).casefold()
    if folded in COMMON_EXACT or len(set(folded)) <= 2 or any(folded in sequence for sequence in SEQUENCES):
        return True
    bare = {
        _letters_inside(folded),
        _letters_inside(folded.translate(LOOK_ALIKES)),
        _letters_inside(_tail_off(folded).translate(LOOK_ALIKES)),
    }
    if bare & COMMON_WORDS:
        return True
    name = _letters_inside(login_name.casefold())
    return len(name) >= 3 and name in bare


def _letters_inside(text: str) -> str:
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)


def _tail_off(text: str) -> str:
    # "passw0rd123": the digits at the end are decoration, the one inside stands for a letter.
    return re.sub(r"[\W\d_]+$", "", text)
