"""The grammar of FHIRPath: text to words, words to a syntax tree."""
