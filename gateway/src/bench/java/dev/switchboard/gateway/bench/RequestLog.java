package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The ends of requests in the log of a gateway that still writes it. On one thread. */
final class RequestLog {
  private final Path file;
  private final List<RequestEnd> ends = new ArrayList<>();
  private long read;

  RequestLog(Path file) {
    this.file = file;
  }

  /** All that stand there by now; a line without its end is not there yet. */
  List<RequestEnd> ends() throws IOException {
    try (InputStream input = Files.newInputStream(file)) {
      input.skipNBytes(read);
      byte[] bytes = input.readAllBytes();
      int whole = bytes.length;
      while (whole > 0 && bytes[whole - 1] != '\n') {
        whole--;
      }
      read += whole;
      for (String line : new String(bytes, 0, whole, StandardCharsets.UTF_8).lines().toList()) {
        RequestEnd end = RequestEnd.of(line);
        if (end != null) {
          ends.add(end);
        }
      }
    }
    return List.copyOf(ends);
  }
}
