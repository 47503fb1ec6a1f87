"""Reads documents that others wrote: compares one with the fragments, and drafts fragments from it."""
