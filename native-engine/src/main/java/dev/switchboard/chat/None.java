package dev.switchboard.chat;

/** Python's None. */
enum None {
  NONE
}
