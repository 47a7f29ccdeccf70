"""The sealed package 加密试卷袋: keys, the two opening secrets, the manifest. Format 1, exact to the byte.

Script file `<sha256 of the file>.bin`: 1 byte algorithm (0x02 = AES-256-GCM over zlib) ‖ 12 bytes nonce ‖ ciphertext ‖ 16 bytes
tag; plaintext is the CandidatePaper as UTF-8 JSON, compressed (a third of the bytes for a hall that fetches at once; nothing
in it comes from outside); key: the script's own; associated data `script:<script id>:paper`. 0x01 is the same uncompressed.

The script's key is wrapped by the package key (same layout, 0x01, associated data `script:<script id>:key`). The package key
is wrapped by a key that needs both opening secrets (associated data `package:<package id>:lock`):

    HKDF-SHA-256(Argon2id(secret 1, salt) ‖ Argon2id(secret 2, salt), info "mingyuan/package-lock/1")

Each secret belongs to one person; the two may be typed in either order.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from argon2.low_level import Type, hash_secret_raw

from itembank.domain.paper_form import canonical_digest
from itembank.domain.script import CandidatePaper
from server.adapters.vault import ALGORITHM_AES_256_GCM, derive_key, open_with, seal_with
from server.core.errors import Forbidden

FORMAT = 1
COMPRESSED = b"\x02"
#: Crockford's base 32: no I, L, O, U. 16 signs carry 80 bits.
TYPED_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, GROUP_LENGTH = 4, 4
LOCK_PURPOSE = "mingyuan/package-lock/1"
SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class KdfCost:
    """Cost of one Argon2id run. The secrets carry 80 random bits, so this is a second wall and not the only one."""

    passes: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 1


USUAL_COST = KdfCost()


def new_opening_secret(random: Random) -> str:
    """A secret for one person, four groups of four signs: `7KQ2-M0VD-XR4T-9HPC`."""
    groups = ("".join(random.choice(TYPED_SIGNS) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join(groups)


def normalise_secret(typed: str) -> str:
    """What a person typed, as it was meant: full-width, lower case, spaces, dashes and look-alikes forgiven."""
    text = unicodedata.normalize("NFKC", typed).upper().translate(str.maketrans("OIL", "011"))
    return "".join(sign for sign in text if sign in TYPED_SIGNS)


def lock_package_key(
    package_key: bytes, package_id: str, secrets: tuple[str, str], salt: bytes, cost: KdfCost = USUAL_COST
) -> dict[str, Any]:
    """The stored lock: opens with both secrets only. Slow on purpose: keep it off the event loop."""
    first, second = (_stretch(secret, salt, cost) for secret in secrets)
    wrapped = seal_with(derive_key(first + second, LOCK_PURPOSE), package_key, _lock_aad(package_id))
    return {
        "format": FORMAT,
        "kdf": {"name": "argon2id", "passes": cost.passes, "memory_kib": cost.memory_kib, "lanes": cost.lanes},
        "salt": salt.hex(),
        "wrapped": wrapped.hex(),
    }


def open_lock(lock: dict[str, Any], package_id: str, secret_a: str, secret_b: str) -> bytes:
    """The package key. Slow on purpose: keep it off the event loop.

    Raises:
        Forbidden: `OPENING_SECRET_WRONG` when either secret is wrong, both are the same, or the lock is another package's.
    """
    kdf, salt = lock["kdf"], bytes.fromhex(lock["salt"])
    cost = KdfCost(kdf["passes"], kdf["memory_kib"], kdf["lanes"])
    one, other = _stretch(secret_a, salt, cost), _stretch(secret_b, salt, cost)
    for joined in (one + other, other + one):
        try:
            return open_with(derive_key(joined, LOCK_PURPOSE), bytes.fromhex(lock["wrapped"]), _lock_aad(package_id))
        except Forbidden:
            continue
    raise Forbidden(
        "OPENING_SECRET_WRONG",
        "启封口令不正确：需要两位监考员各自的口令，请逐组核对后重新输入。",
        "The opening secrets are not right: each of the two persons enters their own. Check the groups and try again.",
    )


def _stretch(secret: str, salt: bytes, cost: KdfCost) -> bytes:
    return hash_secret_raw(
        normalise_secret(secret).encode(), salt, time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes,
        hash_len=32, type=Type.ID,
    )  # fmt: skip


def _lock_aad(package_id: str) -> str:
    return f"package:{package_id}:lock"


# --- scripts ---


def seal_paper(script_key: bytes, script_id: str, paper: CandidatePaper) -> tuple[str, bytes]:
    """File name and bytes of one script's encrypted paper."""
    text = json.dumps(paper.as_dict(), ensure_ascii=False, separators=(",", ":"))
    sealed = seal_with(script_key, zlib.compress(text.encode(), 9), paper_aad(script_id))
    data = COMPRESSED + sealed[1:]
    return f"{hashlib.sha256(data).hexdigest()}.bin", data


def open_paper(script_key: bytes, script_id: str, data: bytes) -> dict[str, Any]:
    """The CandidatePaper document of one script's file; what the browser does, for tests and tools.

    Raises:
        Forbidden: `CIPHERTEXT_REJECTED`: another script's file or key, or changed bytes.
    """
    return read_paper_file(script_key, paper_aad(script_id), data)


def read_paper_file(script_key: bytes, aad: str, data: bytes) -> dict[str, Any]:
    """As `open_paper`, with the associated data as the wire names it.

    Raises:
        Forbidden: `CIPHERTEXT_REJECTED`.
    """
    is_compressed = data[:1] == COMPRESSED
    plain = open_with(script_key, ALGORITHM_AES_256_GCM + data[1:] if is_compressed else data, aad)
    document: dict[str, Any] = json.loads(zlib.decompress(plain) if is_compressed else plain)
    return document


def wrap_script_key(package_key: bytes, script_id: str, script_key: bytes) -> bytes:
    """The `wrapped_key` column of a script."""
    return seal_with(package_key, script_key, f"script:{script_id}:key")


def unwrap_script_key(package_key: bytes, script_id: str, wrapped: bytes) -> bytes:
    """Inverse of `wrap_script_key`.

    Raises:
        Forbidden: `CIPHERTEXT_REJECTED`.
    """
    return open_with(package_key, wrapped, f"script:{script_id}:key")


def paper_aad(script_id: str) -> str:
    """Associated data of a script file; the browser uses the same text in UTF-8."""
    return f"script:{script_id}:paper"


def opened_key_aad(package_id: str) -> str:
    """Associated data of `Package.opened_key`, the package key under the server's own key from the opening on."""
    return f"package:{package_id}:opened_key"


# --- manifest ---


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One script on the manifest."""

    serial: int
    script_id: str
    form: str
    file: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What lies in the bag: counted and compared at every hand-over (AH-R22.5, SZ-1.18). No item, no key."""

    package_id: str
    paper_id: str
    paper_digest: str
    label: str
    is_backup: bool
    scripts: tuple[ManifestEntry, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form; the digest is taken over exactly this."""
        return {
            "format": FORMAT,
            "package_id": self.package_id,
            "paper_id": self.paper_id,
            "paper_digest": self.paper_digest,
            "label": self.label,
            "is_backup": self.is_backup,
            "script_count": len(self.scripts),
            "forms": count_forms(self.scripts),
            "scripts": [[each.serial, each.script_id, each.form, each.file] for each in self.scripts],
        }

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the canonical JSON."""
        return canonical_digest(self.as_dict())

    def signed_message(self) -> bytes:
        """What the institution signs."""
        return f"mingyuan/package/{FORMAT}:{self.package_id}:{self.digest}".encode()


def count_forms(scripts: Sequence[ManifestEntry]) -> dict[str, int]:
    """Form label → number of scripts."""
    counts: dict[str, int] = {}
    for each in scripts:
        counts[each.form] = counts.get(each.form, 0) + 1
    return counts
