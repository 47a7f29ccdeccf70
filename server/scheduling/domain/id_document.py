"""Identity documents: which kinds there are, how a number is written, checked and masked (domain.md 4)."""

from __future__ import annotations

import unicodedata
from datetime import date
from enum import StrEnum

from stdnum.cn import ric

from server.core.errors import InvalidInput


class IdType(StrEnum):
    """Kinds of documents a candidate may register with."""

    RESIDENT_ID = "resident_id"  # 居民身份证, GB 11643
    PASSPORT = "passport"
    HK_MACAO_PERMIT = "hk_macao_permit"
    TAIWAN_PERMIT = "taiwan_permit"
    RESIDENCE_CARD = "residence_card"  # 外国人永久居留身份证
    OFFICER_CARD = "officer_card"
    OTHER = "other"


ID_TYPE_WORDS: dict[str, IdType] = {
    "": IdType.RESIDENT_ID,
    "居民身份证": IdType.RESIDENT_ID,
    "身份证": IdType.RESIDENT_ID,
    "二代身份证": IdType.RESIDENT_ID,
    "护照": IdType.PASSPORT,
    "港澳居民来往内地通行证": IdType.HK_MACAO_PERMIT,
    "港澳通行证": IdType.HK_MACAO_PERMIT,
    "台湾居民来往大陆通行证": IdType.TAIWAN_PERMIT,
    "台胞证": IdType.TAIWAN_PERMIT,
    "外国人永久居留身份证": IdType.RESIDENCE_CARD,
    "外国人永久居留证": IdType.RESIDENCE_CARD,
    "军官证": IdType.OFFICER_CARD,
    "士官证": IdType.OFFICER_CARD,
    "其他": IdType.OTHER,
    **{kind.value: kind for kind in IdType},
}
LONGEST = 40
RESIDENT_DIGITS = 18
#: The standard itself gives a number of somebody born in 1880 as an example.
EARLIEST_BIRTH = 1850


def canonical_id_number(id_type: IdType, typed: str) -> str:
    """The number as it is stored: NFKC, upper case, without blanks; a citizen ID also checked by GB 11643.

    The area code is not checked: codes that no longer exist stay valid for those who have them.

    Raises:
        InvalidInput: `ID_NUMBER_MISSING`, `ID_NUMBER_WRONG_LENGTH`, `ID_NUMBER_WRONG_CHARACTERS`, `ID_NUMBER_WRONG_DATE`,
            `ID_NUMBER_WRONG_CHECK`.
    """
    number = "".join(unicodedata.normalize("NFKC", typed).split()).lstrip("'").upper()
    if not number:
        raise InvalidInput("ID_NUMBER_MISSING", "没有证件号码。", "The ID number is missing.")
    if id_type is not IdType.RESIDENT_ID:
        if len(number) > LONGEST or not all(char.isalnum() or char in "()-/第号字" for char in number):
            raise InvalidInput(
                "ID_NUMBER_WRONG_CHARACTERS",
                "证件号码含有不允许的字符。",
                "The ID number holds characters that cannot be.",
            )
        return number
    if len(number) != RESIDENT_DIGITS:
        raise InvalidInput(
            "ID_NUMBER_WRONG_LENGTH",
            f"居民身份证号码应为 18 位，现为 {len(number)} 位。",
            f"A resident ID number has 18 characters, this one {len(number)}.",
        )
    if not (number.isascii() and number[:17].isdigit() and (number[17].isdigit() or number[17] == "X")):
        raise InvalidInput(
            "ID_NUMBER_WRONG_CHARACTERS",
            "居民身份证号码前 17 位应为数字，末位为数字或 X。",
            "17 digits, then a digit or X.",
        )
    if not _is_birth_date(number[6:14]):
        raise InvalidInput(
            "ID_NUMBER_WRONG_DATE", "第 7–14 位不是有效的出生日期。", "Characters 7 to 14 are not a date of birth."
        )
    if ric.calc_check_digit(number) != number[17]:
        raise InvalidInput(
            "ID_NUMBER_WRONG_CHECK", "末位校验码不符，号码有误。", "The check character does not fit: a typing error."
        )
    return number


def masked_id_number(number: str) -> str:
    """First four and last four; of short numbers less, so that at least half is hidden."""
    shown = 4 if len(number) >= 16 else len(number) // 4
    hidden = max(0, len(number) - 2 * shown)
    return number[:shown] + "*" * hidden + number[len(number) - shown :]


def _is_birth_date(digits: str) -> bool:
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return born.year >= EARLIEST_BIRTH
