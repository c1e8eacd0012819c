// SPDX-License-Identifier: MIT
// What a program asks of the system for itself.
#pragma once

// Raises the soft limit of open files to the hard one: every visitor and every exchange takes a
// descriptor, and the usual soft limit of 1,024 is for programs that use select(). Best effort.
void process_raise_files(void);
