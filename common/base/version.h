// SPDX-License-Identifier: MIT
// The version of both programs, as project() in CMakeLists.txt has it.
#pragma once

// Static text: "1.2.3".
const char *adit_version(void);
