// SPDX-License-Identifier: MIT
// Shared by redact.c and redact_bytes.c.
#pragma once
#include "proto/http/credential_url.h"
#include "redact.h"

// Whether a field's value is redacted, by its name.
bool redact_is_secret_field(const struct redact *r, struct slice name);
// Whether text contains the token in any form.
bool redact_has_token(const struct redact *r, struct slice text);
// Writes text with the secret parameters of URLs redacted.
void redact_put_url(const struct redact *r, struct credential_sink *sink, struct slice text,
                    enum credential_place place);
