package dev.switchboard.gateway.boot;

import org.jspecify.annotations.Nullable;

/**
 * One mistake of a configuration.
 *
 * @param path of the key, such as {@code upstreams[0].url}; empty for the file as a whole
 * @param line of the file, from 1; 0 where it does not come from the file
 * @param message what is wrong
 * @param advice what to write in its place; null for none
 */
record ConfigFault(String path, int line, String message, @Nullable String advice) {

  /** As it is shown, behind the name of the file. */
  String told(String file) {
    String where = file.isEmpty() ? "" : line > 0 ? file + ":" + line + ": " : file + ": ";
    return where + this;
  }

  @Override
  public String toString() {
    String text = path.isEmpty() ? message : path + ": " + message;
    return advice == null ? text : text + "; " + advice;
  }
}
