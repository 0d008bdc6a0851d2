"""The signs of an address as people say them, in English, Spanish and German: parts of patterns."""

AT = "at|arroba"
DOT = "dot|punto|punkt"
DASH = "dash|hyphen|minus|gui[oó]n|bindestrich"
UNDERSCORE = "underscore"
