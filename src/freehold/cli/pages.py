"""Open a page in the browser of whoever sits at this machine."""


def open_page(url: str) -> bool:
    """Open `url`; false where there is no browser to open it with."""
    import webbrowser  # noqa: PLC0415 - brings subprocess and more

    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
