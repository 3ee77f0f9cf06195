/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/* live_board_page: the files of the page; make has turned them into text of C. */
#include "live_board.h"

#include "examples/live_board_files.h"

#include <string.h>

static const struct {
    const char *path, *type, *text;
} files[] = {
    {"/", "text/html; charset=utf-8", live_board_html},
    {"/live_board.css", "text/css; charset=utf-8", live_board_css},
    {"/live_board.js", "text/javascript; charset=utf-8", live_board_js},
};

const char *page_find(const char *path, const char **type)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        if (strcmp(path, files[i].path) != 0)
            continue;
        *type = files[i].type;
        return files[i].text;
    }
    return NULL;
}
