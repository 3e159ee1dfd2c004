"""What is refused of features of one's own says what, where, and what to do."""

import numpy as np
import pytest
from bad_own_files import BAD_INPUTS, message_of, says
from own_files import SPLIT, SUFFIXES, A, Y, save
from pitfalls.studies.own import own_features, read_features
from pitfalls.theory import PitfallsError, ResourceError


@pytest.mark.parametrize(
    ("make", "expected"), [each[1:] for each in BAD_INPUTS], ids=[each[0] for each in BAD_INPUTS]
)
def test_what_is_refused_says_what_where_and_what_to_do(make, expected, tmp_path):
    message = message_of(make(tmp_path))
    assert says(message, expected), message
    assert len(message) < 400
    assert "\n" not in message


def test_bad_inputs_have_names_of_their_own():
    assert len({name for name, _, _ in BAD_INPUTS}) == len(BAD_INPUTS) > 45


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_anywhere_is_refused_or_does_no_harm(suffix, tmp_path):
    path = save(tmp_path / f"a.{suffix}", labels=Y, attributes=A, split=SPLIT)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    damaged = [whole[:end] for end in range(0, len(whole), max(1, len(whole) // 40))]
    for place, byte in zip(rng.integers(0, len(whole), 200), rng.bytes(200), strict=True):
        damaged.append(whole[:place] + bytes([byte]) + whole[place + 1 :])
    refused = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            read_features(path)
        except PitfallsError as error:
            refused += len(str(error)) > 0
    assert refused > 100


def test_what_does_not_fit_in_memory_is_refused_before_it_is_copied():
    large = np.broadcast_to(np.float32(1.0), (10**7, 10**6))
    with pytest.raises(ResourceError, match="features needs"):
        own_features(large, np.zeros(10**7))
