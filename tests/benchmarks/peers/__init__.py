"""One implementation of the problems per library, in the form that suits the library best.

Every ``train`` takes a `Problem` and returns what computes n steps and gives the loss of the last.
A library is imported when its ``train`` is called, and by name, so that none has to be installed.
"""
