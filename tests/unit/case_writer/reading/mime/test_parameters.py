"""The parameters of Content-Type and Content-Disposition, as programs write them."""

import pytest

from services.case_writer.reading.mime.parameters import Parameters


@pytest.mark.parametrize(
    "written",
    [
        b"filename*0*=utf-8''Nowe%2; filename*1*=0z%C4%85b%; filename*2*=2Epdf",
        b"filename*1*=0z%C4; filename*0*=utf-8''Nowe%2; filename*2*=%85b.pdf",
        b"filename*0*=utf-8''Nowe; filename*1=\" z\"; filename*2*=%C4%85b.pdf",
    ],
)
def test_a_name_in_pieces_is_joined_before_it_is_decoded(written: bytes) -> None:
    assert Parameters(b"attachment; " + written).text("filename") == "Nowe ząb.pdf"
