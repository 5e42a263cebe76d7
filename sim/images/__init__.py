"""From a component's name to an image the engine has, and how near that image is to the document's.

Read ``lock.yaml`` (what is wanted), ``candidate.py`` (the ways to it), ``resolution.py`` (the order), ``ensure.py``
(doing it); then ``golden.py`` for initialised data directories, ``custom.py`` for real services' images in the place of
stand-ins, and ``archive.py`` for machines that reach nothing.
Only ``model.py`` is known to plans and reports.
"""
