// SPDX-License-Identifier: MIT
// The one list of what is a credential by its name: fields, and parameters of URLs
// (docs/record.md).
#pragma once
#include "proto/bytes.h"

enum {
    CREDENTIAL_NAME_MAX = 128 // of a parameter's name, unescaped; of a longer one its end counts
};

// Whether a field's value is a credential, not to be shown or kept.
bool credential_is_field(struct slice name);
// The same of a parameter: its name as it stands in a URL, escaped or not. Of a name only letters
// and digits count, without case: "accessToken" is "access_token".
bool credential_is_parameter(struct slice name);
// Whether two names of parameters are the same by that measure. False of two without letters.
bool credential_same_parameter(struct slice a, struct slice b);
// Whether one of a list of subprotocols (RFC 6455 §11.3.4) looks like a credential, not like a
// name; `before` is the one before it, or empty: "bearer" says what follows.
bool credential_is_subprotocol(struct slice protocol, struct slice before);
