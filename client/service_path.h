// SPDX-License-Identifier: MIT
// Services that are named by a path: unix:/PATH and file:///FOLDER.
#pragma once
#include "service.h"

// Takes such a service. Returns NULL, or what is wrong. `*is_path` is false for any other text,
// which is left alone.
const char *service_path_take(struct service *s, const char *text, bool *is_path);
// Writes the URL of a folder, which service_path_take reads back. False: it does not fit.
bool service_path_url(const char *folder, char out[static SERVICE_URL_MAX]);
