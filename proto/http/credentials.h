// SPDX-License-Identifier: MIT
// Tells credentials by their names: fields, parameters of URLs, subprotocols (docs/record.md).
#pragma once
#include "proto/bytes.h"

enum {
    CREDENTIAL_NAME_MAX = 128 // of an unescaped parameter name; of a longer one the end counts
};

// Whether the value of this field is a credential, which must not be shown or stored. Only letters
// and digits of a name count, without case: "accessToken" is "access_token".
bool credential_is_field(struct slice name);
// The same for a parameter, whose name may be percent-encoded.
bool credential_is_parameter(struct slice name);
// Whether two parameter names are the same by that rule. False when they have no letter or digit.
bool credential_same_parameter(struct slice a, struct slice b);
// Whether an element of Sec-WebSocket-Protocol (RFC 6455 §11.3.4) looks like a credential and not
// like a name. `before` is the preceding element, or empty: "bearer" announces a credential.
bool credential_is_subprotocol(struct slice protocol, struct slice before);
