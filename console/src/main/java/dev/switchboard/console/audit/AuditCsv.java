package dev.switchboard.console.audit;

import dev.switchboard.console.api.ApiFailure;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/**
 * All entries as CSV, newest first: the gateway's answers one after another, without the head of
 * all but the first one. One page is kept at a time. A log that cannot be read any more ends with a
 * line that says so.
 */
final class AuditCsv extends InputStream {
  static final int PAGE = 1000;

  /** Reads a page of the CSV with its head. */
  @FunctionalInterface
  interface Pages {
    /** The newest before an id, or of all where that is 0. */
    byte[] before(long id) throws ApiFailure;
  }

  private final Pages pages;
  private byte[] page;
  private int at;

  /** Id of the last entry of the page; 0 where no other page follows. */
  private long last;

  /** Reads the first page at once, so that whoever is refused is told. */
  AuditCsv(Pages pages) throws ApiFailure {
    this.pages = pages;
    this.page = pages.before(0);
    int _ = look();
  }

  /** Sets what the page ends with; where its head ends. */
  private int look() {
    boolean quoted = false;
    int lines = 0;
    int head = 0;
    int line = 0;
    int lastLine = 0;
    for (int i = 0; i < page.length; i++) {
      quoted ^= page[i] == '"';
      if (page[i] == '\n' && !quoted) {
        head = lines == 0 ? i + 1 : head;
        lastLine = line;
        line = i + 1;
        lines++;
      }
    }
    last = lines > PAGE ? id(lastLine) : 0;
    return head;
  }

  private long id(int from) {
    long id = 0;
    for (int i = from; i < page.length && page[i] >= '0' && page[i] <= '9'; i++) {
      id = 10 * id + page[i] - '0';
    }
    return id;
  }

  /** Whether there is a byte more. */
  private boolean more() {
    while (at == page.length && last > 0) {
      long before = last;
      try {
        page = pages.before(before);
        at = look();
        last = last < before ? last : 0;
      } catch (ApiFailure e) {
        String why = e.sentence().replace('"', '\'');
        String end =
            "\"Not all: what is older than " + before + " cannot be read: " + why + "\"\r\n";
        page = end.getBytes(StandardCharsets.UTF_8);
        at = 0;
        last = 0;
      }
    }
    return at < page.length;
  }

  @Override
  public int read() {
    return more() ? page[at++] & 0xff : -1;
  }

  @Override
  public int read(byte[] to, int offset, int length) {
    if (length == 0) {
      return 0;
    }
    if (!more()) {
      return -1;
    }
    int read = Math.min(length, page.length - at);
    System.arraycopy(page, at, to, offset, read);
    at += read;
    return read;
  }
}
