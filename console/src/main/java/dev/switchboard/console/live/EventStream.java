package dev.switchboard.console.live;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Reads server-sent events. A line or an event of more than 256 Ki characters ends the stream. */
public final class EventStream {
  private static final int LINE_MAX = 1 << 18;

  /** One event as it came. */
  public record Message(String type, @Nullable String id, String data) {}

  private EventStream() {}

  /** Reads until the stream ends; comments are told as messages of the type "". */
  public static void read(InputStream in, Consumer<Message> to) throws IOException {
    BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    String type = "message";
    String id = null;
    StringBuilder data = new StringBuilder();
    for (String line = line(lines); line != null; line = line(lines)) {
      if (line.isEmpty()) {
        if (!data.isEmpty()) {
          to.accept(new Message(type, id, data.toString()));
        }
        type = "message";
        data.setLength(0);
      } else if (line.startsWith(":")) {
        to.accept(new Message("", null, ""));
      } else if (line.startsWith("event:")) {
        type = line.substring(6).strip();
      } else if (line.startsWith("id:")) {
        id = line.substring(3).strip();
      } else if (line.startsWith("data:")) {
        data.append(line.substring(5).strip());
        if (data.length() > LINE_MAX) {
          throw tooLong();
        }
      }
    }
  }

  private static @Nullable String line(BufferedReader in) throws IOException {
    StringBuilder line = new StringBuilder();
    int c = in.read();
    if (c < 0) {
      return null;
    }
    for (; c >= 0 && c != '\n'; c = in.read()) {
      if (line.length() >= LINE_MAX) {
        throw tooLong();
      }
      if (c != '\r') {
        line.append((char) c);
      }
    }
    return line.toString();
  }

  private static IOException tooLong() {
    return new IOException("an event of more than " + LINE_MAX + " characters");
  }

  /** Ends whoever reads it, on another thread; nothing is done about one that is gone. */
  public static void end(@Nullable InputStream in) {
    if (in != null) {
      try {
        in.close();
      } catch (IOException _) {
        // It is given up anyway.
      }
    }
  }

  /** Waits for so long, as between two tries; false where the thread is to end. */
  public static boolean pause(Duration pause) {
    try {
      Thread.sleep(pause);
      return true;
    } catch (InterruptedException _) {
      return false;
    }
  }
}
