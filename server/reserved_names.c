// SPDX-License-Identifier: MIT
#include "reserved_names.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "names.h"

// In these words `N` also stands for a number of one to three digits. docs/operations.md has the
// same table.
static const struct group {
    const char *why, *words;
} groups[] = {
    {"programs look for these by themselves: proxies, mail settings, keys, networks",
     "wpad isatap autodiscover autoconfig mta-sts openpgpkey lyncdiscover "
     "lyncdiscoverinternal sipinternal sipexternal msoid sip xmpp "
     "matrix enterpriseregistration enterpriseenrollment caldav carddav ldap kerberos ntp"},
    {"the machine or the network itself",
     "localhost localdomain local broadcasthost loopback ip6-localhost ip6-loopback "
     "internal intranet corp lan router gateway"},
    {"hosts that many domains have",
     "www ftp ftps sftp ssh vpn dns ns mx mail email webmail smtp smtps imap imaps pop "
     "pop3s owa exchange relay proxy cdn static assets"},
    {"places to sign in or to pay",
     "login logon logout signin signup signout register registration auth authentication "
     "oauth oidc openid saml sso idp identity account accounts myaccount password passkey "
     "reset verify verification secure security pay "
     "payment payments checkout billing invoice bank wallet"},
    {"places to administer",
     "admin administrator administration root sysadmin operator system owner moderator "
     "staff console panel cpanel whm plesk webadmin phpmyadmin"},
    {"names that speak for the domain",
     "postmaster hostmaster webmaster abuse noc mailer-daemon noreply support help "
     "helpdesk contact info official status about legal terms privacy policy press"},
    {"certificates",
     "acme acme-challenge letsencrypt ssl tls cert certs certificate certificates ca pki "
     "crl ocsp"},
    {"adit's own", "adit aditd"},
    {"words that programs write for a missing name", "null undefined invalid"},
    {"labels with a special meaning (RFC 5890 §2.3.1), such as xn--, which can look like "
     "other names",
     "?\?--*"}, // no trigraph
    {"IPv4 addresses in the form of a name", "N-N-N-N"},
};

enum {
    GROUPS = sizeof(groups) / sizeof(groups[0])
};

const char *reserved_names_group(size_t number, const char **words)
{
    if (number >= GROUPS)
        return NULL;
    *words = groups[number].words;
    return groups[number].why;
}

static size_t number_len(const char *at)
{
    size_t len = strspn(at, "0123456789");
    return len < 3 ? len : 3;
}

static bool fits_pattern(const char *name, struct slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        size_t len = 1;
        if (word.p[i] == '*')
            return true;
        if (word.p[i] == 'N')
            len = number_len(name);
        if (!*name || len == 0 || (word.p[i] != '?' && word.p[i] != 'N' && word.p[i] != *name))
            return false;
        name += len;
    }
    return !*name;
}

static bool looks_the_same(char of_name, char of_word)
{
    return of_name == of_word || (of_name == '0' && of_word == 'o') ||
           (of_name == '1' && (of_word == 'i' || of_word == 'l'));
}

static bool fits_word(const char *name, struct slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (word.p[i] == '-')
            continue;
        name += strspn(name, "-");
        if (!*name || !looks_the_same(*name, word.p[i]))
            return false;
        name++;
    }
    return name[strspn(name, "-0123456789")] == 0;
}

static bool is_pattern(struct slice word)
{
    return memchr(word.p, '?', word.len) || memchr(word.p, '*', word.len) ||
           memchr(word.p, 'N', word.len);
}

static bool list_has(const char *words, const char *name)
{
    for (size_t len = 0; *words; words += len + (words[len] == ' ')) {
        len = strcspn(words, " ");
        struct slice word = slice_of(words, len);
        if (is_pattern(word) ? fits_pattern(name, word) : fits_word(name, word))
            return true;
    }
    return false;
}

bool reserved_names_have(const struct reserved_names *n, const char *name)
{
    for (size_t i = 0; n->built_in && i < GROUPS; i++)
        if (list_has(groups[i].words, name))
            return true;
    return n->words && list_has(n->words, name);
}

void reserved_names_free(struct reserved_names *n)
{
    free(n->words);
    *n = (struct reserved_names){0};
}

// Checks a word of the file, a name with ? anywhere and * at the end, and puts it in lower case.
static bool check_word(char *word, size_t len)
{
    size_t chars = len > 0 && word[len - 1] == '*' ? len - 1 : len;
    bool has_letters = false; // not only hyphens
    for (size_t i = 0; i < chars; i++) {
        word[i] = ascii_lower(word[i]);
        bool letter = (word[i] >= 'a' && word[i] <= 'z') || (word[i] >= '0' && word[i] <= '9') ||
                      word[i] == '?';
        if (!letter && word[i] != '-')
            return false;
        has_letters = has_letters || letter;
    }
    return has_letters && len <= NAME_MAX_BYTES;
}

// Joins the words of the file's lines in place, separated by spaces. Returns 0, or the number of
// the first line that is wrong.
static size_t take_lines(struct reserved_names *n, char *text)
{
    static const char white[] = " \t\r";
    char *to = text;
    size_t number = 1;
    for (char *line = text; *line; number++) {
        char *next = line + strcspn(line, "\n");
        next += *next == '\n';
        char *word = line + strspn(line, white);
        size_t len = strcspn(word, " \t\r\n#");
        char *rest = word + len;
        rest += strspn(rest, white);
        if ((*rest && *rest != '\n' && *rest != '#') || (len > 0 && !check_word(word, len)))
            return number;
        if (len == 7 && strncmp(word, "default", 7) == 0)
            n->built_in = true;
        if (len > 0) {
            memmove(to, word, len);
            to += len;
            *to++ = ' '; // over the LF, # or white space behind the word
        }
        line = next;
    }
    *to = 0;
    return 0;
}

// Returns the file's text, which the caller frees, or NULL and why.
static char *read_file(const char *path, const char **why)
{
    FILE *file = fopen(path, "re");
    char *text = file ? calloc(1, RESERVED_FILE_MAX + 3) : NULL;
    size_t len = text ? fread(text, 1, RESERVED_FILE_MAX + 1, file) : 0;
    *why = NULL;
    if (!text || ferror(file))
        *why = strerror(errno);
    else if (len > RESERVED_FILE_MAX)
        *why = "it is longer than 64 KiB";
    else if (memchr(text, 0, len))
        *why = "it has a zero in it, and is no text";
    if (file)
        (void)fclose(file);
    if (!*why)
        return text;
    free(text);
    return NULL;
}

const char *reserved_names_read(struct reserved_names *n, const char *path,
                                char message[static RESERVED_MESSAGE_MAX])
{
    const char *why = NULL;
    reserved_names_free(n);
    n->words = read_file(path, &why);
    size_t line = n->words ? take_lines(n, n->words) : 0;
    if (why)
        (void)snprintf(message, RESERVED_MESSAGE_MAX, "%s", why);
    else if (line > 0)
        (void)snprintf(
            message, RESERVED_MESSAGE_MAX,
            "line %zu is not a name: one on a line, of letters, digits and hyphens; ? is "
            "any character, * at the end any characters, and default the built-in names",
            line);
    if (!why && line == 0)
        return NULL;
    reserved_names_free(n);
    return message;
}
