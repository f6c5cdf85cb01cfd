"""Plain reference implementations: obviously right, slow, and without a kernel.

Filters are Python integers; bit `i` of a filter is `filter >> i & 1`. Nothing here imports
`linkage`, so that the fast code is checked by something that doesn't share its mistakes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, combinations, pairwise

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def to_int(row) -> int:
    """Turn a row of 64-bit words into one integer."""
    return sum(int(word) << (64 * place) for place, word in enumerate(row))


def dice(left: int, right: int) -> Fraction:
    """Dice of two filters; 0 for two empty ones."""
    total = left.bit_count() + right.bit_count()
    return Fraction(2 * (left & right).bit_count(), total) if total else Fraction(0)


def similarity(measure: str, common: int, left: int, right: int, bits: int) -> Fraction:
    """Similarity from popcounts and common bits; of cosine its square. 0 where undefined."""
    if measure == "hamming":
        return 1 - Fraction(left + right - 2 * common, bits)
    top, bottom = {
        "dice": (2 * common, left + right),
        "jaccard": (common, left + right - common),
        "cosine": (common * common, left * right),
    }[measure]
    return Fraction(top, bottom) if bottom else Fraction(0)


def reaches(
    measure: str, common: int, left: int, right: int, bits: int, threshold: Fraction
) -> bool:
    """Tell whether the similarity is at least the threshold."""
    wanted = threshold * threshold if measure == "cosine" else threshold
    return similarity(measure, common, left, right, bits) >= wanted


def find_pairs(
    left: list[int], right: list[int], threshold: float, measure: str = "dice", bits: int = 1
):
    """All pairs with similarity >= threshold, by similarity falling, then left, then right."""
    least = Fraction(repr(threshold))
    found = []
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            counts = (a & b).bit_count(), a.bit_count(), b.bit_count()
            if reaches(measure, *counts, bits, least):
                found.append((similarity(measure, *counts, bits), i, j))
    found.sort(key=lambda one: (-one[0], one[1], one[2]))
    if measure == "cosine":
        return [(math.sqrt(one), i, j) for one, i, j in found]
    return found


def level(left: int, right: int, bounds: list[float]) -> int:
    """Agreement level of two filters: 0 missing, 1 below all bounds (rising), then one each."""
    if not left or not right:
        return 0
    return 1 + sum(dice(left, right) >= Fraction(repr(bound)) for bound in bounds)


def slices_of(filter_: int, ends: list[int]) -> list[int]:
    """Cut a filter at the given ends (in words)."""
    return [(filter_ >> (64 * a)) & ((1 << (64 * (b - a))) - 1) for a, b in pairwise(ends)]


def blocked_pairs(
    left: list[int],
    right: list[int],
    left_tokens: list[list[int]],
    right_tokens: list[list[int]],
    ends: list[int],
    bounds: list[float],
    weights: list[list[float]],
    cutoff: float,
    *,
    within: bool,
    rarity: list[list[float]] | None = None,
) -> set[tuple[int, int, float]]:
    """Pairs of rows that share a token in some pass and weigh at least the cutoff, with weight.

    `rarity` of a left row and slice adds to the weight of the highest level.
    """
    found = set()
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            if within and j <= i:
                continue
            if not any(s == t != 0 for s, t in zip(left_tokens[i], right_tokens[j], strict=True)):
                continue
            levels = [
                level(x, y, bounds)
                for x, y in zip(slices_of(a, ends), slices_of(b, ends), strict=True)
            ]
            weight = sum(weights[k][one] for k, one in enumerate(levels))
            if rarity:
                weight += sum(rarity[i][k] for k, one in enumerate(levels) if one > len(bounds))
            if weight >= cutoff:
                found.add((i, j, weight))
    return found


def derive(secret: bytes, label: str, name: str) -> bytes:
    """HKDF-SHA-256 (RFC 5869) with an empty salt, 32 bytes."""
    extracted = hmac.new(b"\0" * 32, secret, hashlib.sha256).digest()
    info = f"linkage/1/{label}/{name}".encode()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def read_key(text: str) -> bytes:
    """The secret of a key file."""
    marker, encoded = text.split()
    assert marker == "LINKAGE-KEY-1"
    return base64.b64decode(encoded)


def positions(token: str, key: bytes, count: int, bits: int) -> list[int]:
    """The first `count` bit positions of a token."""
    found: list[int] = []
    digest_number = 0
    while len(found) < count:
        salt = digest_number.to_bytes(16, "little")
        digest = hashlib.blake2b(token.encode(), key=key, salt=salt, digest_size=64).digest()
        found += [int.from_bytes(digest[n : n + 4], "little") % bits for n in range(0, 64, 4)]
        digest_number += 1
    return found[:count]


def value_filter(tokens: list[str], key: bytes, budget: int, bits: int) -> int:
    """The filter of one value: its tokens share the budget, the first ones get what is left."""
    filter_ = 0
    for place, token in enumerate(tokens):
        share = budget // len(tokens) + (place < budget % len(tokens))
        for position in positions(token, key, share, bits):
            filter_ |= 1 << position
    return filter_


def qgrams(value: str, q: int) -> list[str]:
    """Padded q-grams of every word, each once, in order."""
    found = []
    for word in value.split():
        padded = "_" * (q - 1) + word + "_" * (q - 1)
        for start in range(len(padded) - q + 1):
            if padded[start : start + q] not in found:
                found.append(padded[start : start + q])
    return found


def part_block(part: str) -> bytes:
    """The 16-byte block of one part of a blocking key."""
    text = part.encode()
    if len(text) > 15:
        return hashlib.blake2b(text, digest_size=15).digest() + b"\xff"
    return text.ljust(15, b"\0") + bytes([len(text)])


def blocking_token(parts: list[str], key: bytes, *, unordered: bool = False) -> int:
    """The keyed 64-bit token of the parts: AES-256-CBC-MAC, its first 8 bytes."""
    message = [part_block(part) for part in parts]
    if unordered:
        message.sort()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    mac = encryptor.update(b"".join(message))[-16:]
    return int.from_bytes(mac[:8], "little") or 1


def b_cubed(persons: list[int], truth: list[int]) -> tuple[float, float]:
    """B-cubed precision and recall, record by record."""
    precision = recall = 0.0
    for person, true in zip(persons, truth, strict=True):
        same_person = {i for i, one in enumerate(persons) if one == person}
        same_truth = {i for i, one in enumerate(truth) if one == true}
        precision += len(same_person & same_truth) / len(same_person)
        recall += len(same_person & same_truth) / len(same_truth)
    return precision / len(truth), recall / len(truth)


def components(count: int, edges: list[tuple[int, int]]) -> list[frozenset[int]]:
    """Connected components by relabelling until nothing changes."""
    label = list(range(count))
    changed = True
    while changed:
        changed = False
        for a, b in edges:
            low = min(label[a], label[b])
            changed |= label[a] != low or label[b] != low
            label[a] = label[b] = low
    return [frozenset(i for i in range(count) if label[i] == one) for one in sorted(set(label))]


def date_tokens(value: str) -> list[str]:
    """Tagged digits of `YYYYMMDD`, and a token that a swap of day and month leaves as it is."""
    first, second = sorted([value[4:6], value[6:]])
    return [f"{place}:{digit}" for place, digit in enumerate(value)] + [
        f"swap:{value[:4]}{first}{second}"
    ]


def hamming_key(filter_: int, positions: list[int]) -> int:
    """The sampled bits of a filter below a 1; 0 for an empty filter."""
    sampled = sum((filter_ >> position & 1) << k for k, position in enumerate(positions))
    return (1 << len(positions)) + sampled if filter_ else 0


def link_odds(
    links: list[tuple[int, int]], weights: list[float], single: tuple[bool, bool]
) -> list[float]:
    """Odds of each link: over all sets of links that use no record of a `single` side twice.

    A set weighs the product of the weights of its links.
    """
    whole, having = Fraction(0), [Fraction(0)] * len(links)
    for chosen in subsets(range(len(links))):
        sides = [[links[k][side] for k in chosen] for side in (0, 1)]
        if any(one and len(set(used)) < len(used) for one, used in zip(single, sides, strict=True)):
            continue
        weight = math.prod((Fraction(weights[k]) for k in chosen), start=Fraction(1))
        whole += weight
        for k in chosen:
            having[k] += weight
    return [float(one / (whole - one)) for one in having]


def subsets(members: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """All subsets, the empty one first."""
    members = list(members)
    return chain.from_iterable(combinations(members, n) for n in range(len(members) + 1))


def rising(m: list[float], u: list[float]) -> list[float]:
    """Shares whose ratio to u rises, nearest to m: the max-min formula of isotonic regression."""
    known = [k for k, one in enumerate(u) if one > 0]
    made = list(m)
    for place, k in enumerate(known):
        ratios = [
            min(
                sum(m[n] for n in known[first:last]) / sum(u[n] for n in known[first:last])
                for last in range(place + 1, len(known) + 1)
            )
            for first in range(place + 1)
        ]
        made[k] = u[k] * max(ratios)
    return made


def match_weight(
    levels: list[int],
    m: list[list[float]],
    u: list[list[float]],
    classes: list[tuple[set[int], float]],
    own: int,
    rarity: list[float],
) -> float:
    """log2 of the odds that a pair is a match, class by class; `own` classes are matches.

    A class is the fields in common and its number of pairs. `rarity` adds to the weights.
    """
    expected = []
    for common, size in classes:
        for field, level in enumerate(levels):
            if level:
                u_here = u[field][level]
                m_here = m[field][level] * 2 ** rarity[field]
                size *= m_here if field in common else u_here
        expected.append(size)
    return math.log2(sum(expected[:own]) / sum(expected[own:]))


def equal_pairs(left: list[int], right: list[int], *, within: bool) -> set[tuple[int, int]]:
    """Places of equal numbers other than 0; within one list, the lower place first."""
    return {
        (i, j)
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if a == b != 0 and (i < j or not within)
    }


def join_strong_first(
    count: int,
    links: list[tuple[int, int]],
    weak: list[bool],
    holds: list[int],
    apart: list[tuple[int, int]],
) -> tuple[list[frozenset[int]], list[int]]:
    """Groups of records, joined link by link, and what became of the links (see the kernel)."""
    groups = [frozenset([one]) for one in range(count)]
    fates = []
    for (a, b), feeble in zip(links, weak, strict=True):
        one = next(group for group in groups if a in group)
        other = next(group for group in groups if b in group)
        if one is other:
            fates.append(1)
        elif any(holds[i] & holds[j] for i in one for j in other):
            fates.append(2)
        elif any((i, j) in apart or (j, i) in apart for i in one for j in other):
            fates.append(3)
        elif feeble and len(one) > 1 and len(other) > 1:
            fates.append(4)
        else:
            fates.append(0)
            groups = [group for group in groups if group not in (one, other)] + [one | other]
    return groups, fates


def join_stars(
    count: int, links: list[tuple[int, int]], holds: list[int]
) -> tuple[list[frozenset[int]], list[int]]:
    """Groups of records around a centre, and what became of the links (see the kernel)."""
    stars: dict[int, set[int]] = {}
    fates = []
    for link in links:
        homes = [next((c for c, star in stars.items() if one in star), None) for one in link]
        if link[0] == link[1] or (homes[0] is not None and homes[0] == homes[1]):
            fates.append(1)
            continue
        if homes == [None, None] or (homes[0] == link[0] and homes[1] is None):
            centre, member = link
        elif homes[1] == link[1] and homes[0] is None:
            member, centre = link
        else:
            fates.append(4)
            continue
        star = stars.get(centre, {centre})
        if any(holds[one] & holds[member] for one in star):
            fates.append(2)
            continue
        stars[centre] = star | {member}
        fates.append(0)
    joined = set().union(*stars.values()) if stars else set()
    alone = [frozenset([one]) for one in range(count) if one not in joined]
    return alone + [frozenset(star) for star in stars.values()], fates


def key_stream(key: bytes, size: int) -> bytes:
    """AES-256 in counter mode from a zero counter: the blocks 0, 1, ... enciphered."""
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    blocks = b"".join(n.to_bytes(16, "big") for n in range(-(-size // 16)))
    return encryptor.update(blocks)[:size]


def keyed_order(key: bytes, count: int) -> list[int]:
    """Fisher-Yates from the last place down, by 64-bit numbers of the stream."""
    drawn = key_stream(key, 8 * count)
    order = list(range(count))
    for step, place in enumerate(range(count - 1, 0, -1)):
        other = int.from_bytes(drawn[8 * step : 8 * step + 8], "little") % (place + 1)
        order[place], order[other] = order[other], order[place]
    return order


def keyed_choices(key: bytes, outputs: int, count: int, below: int) -> list[list[int]]:
    """For each output the next `count` distinct numbers of the stream."""
    drawn = key_stream(key, 8 * (4 * outputs * count + 512))
    numbers = (int.from_bytes(drawn[n : n + 8], "little") % below for n in range(0, len(drawn), 8))
    found = []
    for _ in range(outputs):
        own: list[int] = []
        while len(own) < count:
            number = next(numbers)
            if number not in own:
                own.append(number)
        found.append(own)
    return found


def bit_list(filter_: int, bits: int) -> list[int]:
    """The bits of a filter."""
    return [filter_ >> place & 1 for place in range(bits)]


def from_bits(bits: list[int]) -> int:
    """The filter of some bits."""
    return sum(bit << place for place, bit in enumerate(bits))


def fold(filter_: int, bits: int) -> int:
    """XOR-folding."""
    half = bits // 2
    return (filter_ >> half) ^ (filter_ & ((1 << half) - 1))


def rule_90(filter_: int, bits: int) -> int:
    """Each bit is the XOR of its neighbours in a ring."""
    old = bit_list(filter_, bits)
    return from_bits([old[place - 1] ^ old[(place + 1) % bits] for place in range(bits)])


def diffuse(filter_: int, positions: list[list[int]]) -> int:
    """Each output bit is the XOR of the bits at its positions."""
    return from_bits([sum(filter_ >> one & 1 for one in own) % 2 for own in positions])


def permute(filter_: int, order: list[int]) -> int:
    """Output bit `k` is input bit `order[k]`."""
    return from_bits([filter_ >> one & 1 for one in order])


def balance(filter_: int, bits: int, order: list[int]) -> int:
    """The bits and the negated bits behind them, in another order."""
    old = bit_list(filter_, bits)
    return permute(from_bits(old + [1 - bit for bit in old]), order)


def respond(filter_: int, bits: int, probability: float, key: bytes, own_id: bytes) -> int:
    """Flip each bit whose 32-bit number of the row's own stream is below half the probability."""
    content = filter_.to_bytes(bits // 8, "little")
    size = len(own_id).to_bytes(4, "little")
    own = hashlib.blake2b(size + own_id + content, key=key, digest_size=32).digest()
    drawn = key_stream(own, 4 * bits)
    numbers = [int.from_bytes(drawn[4 * n : 4 * n + 4], "little") for n in range(bits)]
    return from_bits([
        bit ^ (number < round(probability / 2 * 2**32))
        for bit, number in zip(bit_list(filter_, bits), numbers, strict=True)
    ])  # fmt: skip


def saul_code(
    fields: list[tuple[list[str], bytes, int]], bits: int, hashes: int, tie_key: bytes
) -> int:
    """XOR of majorities; a field is its tokens, its key and its `bits_per_feature`."""
    width = bits * hashes
    ties = bit_list(int.from_bytes(key_stream(tie_key, width // 8), "little"), width)
    votes = [0] * width
    for tokens, key, share in fields:
        weight = math.isqrt(256 * share // max(len(tokens), 1)) or 1
        for token in tokens:
            stream = b"".join(
                hashlib.blake2b(token.encode(), key=key, salt=n.to_bytes(16, "little")).digest()
                for n in range(-(-width // 512))
            )
            drawn = bit_list(int.from_bytes(stream, "little"), width)
            votes = [
                vote + (weight if bit else -weight) for vote, bit in zip(votes, drawn, strict=True)
            ]
    majority = [int(vote > 0 or (vote == 0 and tie)) for vote, tie in zip(votes, ties, strict=True)]
    return from_bits([sum(majority[place::bits]) % 2 for place in range(bits)])


def salted_tokens(tokens: list[str], salt: str) -> list[str]:
    """Tokens under a salt."""
    return [f"{len(salt)}:{salt}|{token}" for token in tokens]
