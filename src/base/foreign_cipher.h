/* foreign_cipher.h - values that other programs have encrypted, in the forms that are common: recognised, and opened with their key.
 * Why:    what is taken over from a former system must not be stored as if a ciphertext were the password.
 * Always: nothing is opened that is not authenticated, so a wrong key is an error and never a wrong text; errors quote neither
 *         value nor key. Only for reading: what msphub stores is sealed (crypto.h). */
#ifndef MSPHUB_BASE_FOREIGN_CIPHER_H
#define MSPHUB_BASE_FOREIGN_CIPHER_H

#include "base/crypto.h"

enum foreign_form {
    FOREIGN_PLAIN,
    FOREIGN_FERNET,  /* base64url of version, time, IV, AES-128-CBC, HMAC-SHA256: Python's cryptography */
    FOREIGN_AES_GCM, /* "iv:tag:data" or "iv:data:tag", each in hex or base64: programs for Node.js */
    FOREIGN_PGP,     /* OpenPGP, binary or armored: pgcrypto */
    FOREIGN_SALTED,  /* base64 of "Salted__": openssl enc, CryptoJS */
    FOREIGN_SEALED   /* msphub's own */
};
enum foreign_form foreign_form_of(struct slice value);

/* What a key file holds, in every reading that makes a key: hex, base64, base64url, the bytes themselves. */
#define FOREIGN_MAX_KEYS 3
struct foreign_keys {
    struct secret *passphrase;             /* the text; NULL: there was no file */
    struct secret *keys[FOREIGN_MAX_KEYS]; /* of 16, 24 or 32 bytes */
    size_t n;
};
/* ERR_CONFIG: it is empty, or no text. Blanks at both ends do not count. */
bool foreign_keys_parse(struct slice text, struct foreign_keys *ret, struct err *e);
void foreign_keys_release(struct foreign_keys *k);

/* The plain text, of plain text as well. ERR_CONFIG: it takes a key, and there is none; ERR_DATA: no key opens it, or its form is none
 * that is opened here (OpenPGP: store/former_pgp.h). */
bool foreign_open(const struct foreign_keys *k, struct slice value, struct secret **ret, struct err *e);

#endif
