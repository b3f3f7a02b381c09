/* As much of JSON as requests have: objects of numbers, words, truth values and lists of words. */
#include "peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *request;

void take_request(const char *line)
{
    request = line;
}

static const char *past_blanks(const char *at)
{
    return at + strspn(at, " \t\r,:");
}

static const char *past_string(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

static const char *past_value(const char *at)
{
    int depth = 0;

    do {
        at = past_blanks(at);
        if (*at == '"')
            at = past_string(at);
        else if (*at == '[' || *at == '{')
            depth++, at++;
        else if (*at == ']' || *at == '}')
            depth--, at++;
        else
            at += strcspn(at, " \t\r,:]}");
    } while (*at && depth > 0);
    return at;
}

const char *field(const char *name)
{
    size_t length = strlen(name);
    const char *at = past_blanks(request + strspn(request, " \t{"));

    while (*at == '"') {
        const char *key = at + 1;

        at = past_blanks(past_string(at));
        if (!strncmp(key, name, length) && key[length] == '"')
            return strncmp(at, "null", 4) ? at : NULL;
        at = past_blanks(past_value(at));
    }
    return NULL;
}

static const char *due(const char *name)
{
    static char why[100];
    const char *value = field(name);

    if (!value) {
        snprintf(why, sizeof why, "the request lacks %s", name);
        refuse(why);
    }
    return value;
}

long number(const char *name)
{
    return strtol(due(name), NULL, 10);
}

int truth(const char *name)
{
    const char *value = field(name);

    return value && *value == 't';
}

double timeout(void)
{
    const char *value = field("timeout");

    return value ? strtod(value, NULL) : -1.0;
}

const char *text(const char *name)
{
    static char said[4096];
    const char *at = due(name);
    size_t length = 0;

    if (*at++ != '"')
        refuse("expected a string");
    while (*at && *at != '"' && length < sizeof said - 1) {
        if (*at == '\\' && strchr("\"\\/", *++at) == NULL)
            refuse("this peer knows no such escape in a string");
        said[length++] = *at++;
    }
    said[length] = 0;
    return said;
}

static int look(const char *name, const char *word)
{
    const char *at = past_blanks(due(name));
    size_t length = word ? strlen(word) : 0;
    int count = 0;

    for (at = past_blanks(at + 1); *at == '"'; at = past_blanks(past_string(at))) {
        if (word && !strncmp(at + 1, word, length) && at[1 + length] == '"')
            return 1;
        count++;
    }
    return word ? 0 : count;
}

int has_word(const char *name, const char *word)
{
    return look(name, word);
}

int words(const char *name)
{
    return look(name, NULL);
}

size_t bytes(const char *name, unsigned char *into, size_t most)
{
    const char *at = due(name) + 1;
    size_t count = 0;
    unsigned value;

    while (count < most && *at != '"' && sscanf(at, "%2x", &value) == 1) {
        into[count++] = (unsigned char)value;
        at += 2;
    }
    return count;
}

const char *quoted(const char *said)
{
    static char line[600];
    size_t length = 0;

    line[length++] = '"';
    for (; *said && length < sizeof line - 8; said++) {
        if (*said == '"' || *said == '\\')
            line[length++] = '\\';
        line[length++] = (unsigned char)*said < ' ' ? ' ' : *said;
    }
    line[length++] = '"';
    line[length] = 0;
    return line;
}

void answer(const char *format, ...)
{
    static char line[1 << 19];
    const char *id = field("id");
    int length, done = 0;
    va_list rest;

    length = snprintf(line, 200, "{\"id\": %.*s, ", id ? (int)(past_value(id) - id) : 4, id ? id : "null");
    va_start(rest, format);
    length += vsnprintf(line + length, sizeof line - 300, format, rest);
    va_end(rest);
    memcpy(line + length, "}\n", 2);
    for (length += 2; done < length;) {
        ssize_t some = write(1, line + done, (size_t)(length - done));

        if (some < 0)
            exit(1);
        done += (int)some;
    }
}
