// SPDX-License-Identifier: MIT
#include "service_path.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "proto/http/percent.h"

static const char not_whole[] = "a folder is given by its whole path: file:///srv/site, or in a "
                                "shell file://$PWD/DIR";

// Paths in the forms of shells, which are neither a host nor a port.
static const char *explain_path(const char *text)
{
    static const char *const begins[] = {"/", "./", "../", "~", ".\\", "..\\"};
    size_t len = strlen(text);
    bool is_path = strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
    bool is_drive =
        ascii_is_letter(text[0]) && text[1] == ':' && (text[2] == '\\' || text[2] == '/');
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        is_path = is_path || strncmp(text, begins[i], strlen(begins[i])) == 0;
    if (!is_path && (!is_drive || strncmp(text + 1, "://", 3) == 0))
        return NULL;
    if (len > 5 && strcmp(text + len - 5, ".sock") == 0)
        return "a Unix socket is given by its whole path: unix:/run/app.sock";
    return not_whole;
}

static bool is_clean(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

static const char *take_unix(struct service *s, const char *path)
{
    if (strncmp(path, "//", 2) == 0)
        path += 2;
    if (!*path)
        return "the path of a socket is missing: unix:/run/app.sock";
    if (*path != '/')
        return "a Unix socket is given by its whole path: unix:/run/app.sock";
    if (strlen(path) >= sizeof(s->target.path))
        return "the path of a Unix socket has at most 107 bytes";
    if (!is_clean(path))
        return "it has a control character in it";
    (void)snprintf(s->target.host, sizeof(s->target.host), "localhost");
    memcpy(s->target.path, path, strlen(path) + 1);
    return NULL;
}

static const char *take_file(struct service *s, const char *path)
{
    char url[SERVICE_URL_MAX];
    size_t len = 0;
    if (strncasecmp(path, "//localhost/", 12) == 0)
        path += 11;
    else if (strncmp(path, "//", 2) == 0)
        path += 2;
    if (*path != '/')
        return not_whole;
    if (!percent_decode(slice_str(path), s->folder, sizeof(s->folder), &len))
        return "the path of a folder has at most 255 bytes, and a % in it is written %25";
    while (len > 0 && s->folder[len - 1] == '/')
        s->folder[--len] = 0;
    if (len == 0)
        return "the whole file system is not served: name a folder, like file:///srv/site";
    if (!is_clean(s->folder))
        return "it has a control character in it";
    if (!service_path_url(s->folder, url))
        return "the path of a folder is too long: link to it from a shorter one";
    return NULL;
}

const char *service_path_take(struct service *s, const char *text, bool *is_path)
{
    *is_path = true;
    s->target.path[0] = 0;
    s->folder[0] = 0;
    if (strncasecmp(text, "unix:", 5) == 0)
        return take_unix(s, text + 5);
    if (strncasecmp(text, "file:", 5) == 0)
        return take_file(s, text + 5);
    const char *why = explain_path(text);
    *is_path = why != NULL;
    return why;
}

bool service_path_url(const char *folder, char out[static SERVICE_URL_MAX])
{
    static const char scheme[] = "file://";
    size_t at = sizeof(scheme) - 1;
    memcpy(out, scheme, sizeof(scheme));
    return percent_encode_path(slice_str(folder), out + at, SERVICE_URL_MAX - at) > 0;
}
