/** Local users, their passwords, the first admin, and who is signed in. */
@NullMarked
package dev.switchboard.console.auth;

import org.jspecify.annotations.NullMarked;
