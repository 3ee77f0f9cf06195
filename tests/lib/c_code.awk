# c_code: prints C source as lines of FILE:LINE:CODE, without comments and blank lines.
#
# The text of string and character literals is left out as well, unless -v literals=1.
# Called by the test scripts source_*.sh.

FNR == 1 {
    in_comment = 0
}

{
    code = ""
    quote = ""
    for (i = 1; i <= length($0); i++) {
        char = substr($0, i, 1)
        pair = substr($0, i, 2)
        if (in_comment) {
            if (pair == "*/") {
                in_comment = 0
                i++
            }
        } else if (quote != "") {
            if (literals || char == quote)
                code = code char
            if (char == "\\") {
                i++
                if (literals)
                    code = code substr($0, i, 1)
            } else if (char == quote) {
                quote = ""
            }
        } else if (pair == "/*") {
            in_comment = 1
            code = code " "
            i++
        } else if (pair == "//") {
            break
        } else {
            if (char == "\"" || char == "'")
                quote = char
            code = code char
        }
    }
    if (code ~ /[^ \t]/)
        print FILENAME ":" FNR ":" code
}
