"""Hashing staff passwords: Argon2id at argon2-cffi's default cost, always in a real thread (checklist A1, A9)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.adapters.real_thread import in_real_thread

_HASHER = PasswordHasher()

#: Checked when there is no account of that name, so that the answer takes as long as for one that exists.
#: Hash of random bytes nobody has kept, with the same cost as `_HASHER`'s own.
NOBODYS_HASH = "$argon2id$v=19$m=65536,t=3,p=4$LFSm5zxXh1e/FxZWtdu/OA$8s7kQLG3HV+dpAkRFHrRqCuIwyTJFpSt+sFwK+fV6I8"


def hash_password(password: str) -> str:
    """Argon2id in PHC text form; the whole password counts, whatever its length."""
    return in_real_thread(_HASHER.hash, password.encode("utf-8", "surrogatepass"))


def password_matches(password_hash: str, password: str) -> bool:
    """True when `password` is the one behind `password_hash`. An unusable hash costs as much as a usable one."""
    return in_real_thread(_matches, password_hash, password)


def is_outdated(password_hash: str) -> bool:
    """True when the hash was made with another cost than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def _matches(password_hash: str, password: str) -> bool:
    typed = password.encode("utf-8", "surrogatepass")
    try:
        return _HASHER.verify(password_hash, typed)
    except InvalidHashError:
        _HASHER.hash(typed)  # an account without a password yet answers no faster
        return False
    except VerificationError:
        return False
