// SPDX-License-Identifier: MIT
// The media type of a file, by the end of its name.
#pragma once

// Returns a Content-Type; "application/octet-stream" for ends that are not known.
const char *files_type(const char *name);
