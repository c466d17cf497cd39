package dev.switchboard.fetch;

import dev.switchboard.fetch.FetchException.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One server's file, read from any byte on. {@link HttpURLConnection} and not the newer client,
 * whose timeout ends with the headers: a body that stalls must end too.
 */
final class HttpSource {
  private static final int MOST_REDIRECTS = 5;
  private static final int RANGE_BEYOND_END = 416;
  private static final int TOO_MANY_REQUESTS = 429;
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);
  private static final Pattern RANGE = Pattern.compile("bytes (\\d+)-\\d+/(\\d+|\\*)");
  private static final Pattern SECONDS = Pattern.compile("\\d{1,9}");

  private final FetchOrder order;

  HttpSource(FetchOrder order) {
    this.order = order;
  }

  /**
   * What the server sends.
   *
   * @param from the first byte's place in the file: 0 where the server does not resume
   * @param end the file's length; -1 where the server does not say
   */
  record Part(InputStream body, long from, long end) implements AutoCloseable {
    @Override
    public void close() throws IOException {
      body.close();
    }
  }

  /** The server says so itself: ask again later. */
  static final class BusyException extends IOException {
    private static final long serialVersionUID = 1;
    private final @Nullable Duration wait;

    BusyException(String message, @Nullable Duration wait) {
      super(message);
      this.wait = wait;
    }

    /** Null where the server names none. */
    @Nullable Duration waiting() {
      return wait;
    }
  }

  /** Throws {@link IOException} for what another attempt may mend. */
  Part open(long offset) throws IOException, FetchException {
    URI at = order.url();
    for (int redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      HttpURLConnection connection = ask(at, offset);
      int status = connection.getResponseCode();
      String location = connection.getHeaderField("Location");
      if (status / 100 != 3 || location == null) {
        return part(connection, status, offset);
      }
      connection.disconnect();
      at = follow(at, location);
    }
    throw new FetchException(Reason.REFUSED, order.where() + " redirects without end");
  }

  private HttpURLConnection ask(URI at, long offset) throws IOException {
    HttpURLConnection connection = (HttpURLConnection) at.toURL().openConnection();
    connection.setInstanceFollowRedirects(false);
    connection.setConnectTimeout((int) order.timeout().toMillis());
    connection.setReadTimeout((int) order.timeout().toMillis());
    connection.setRequestProperty("User-Agent", "switchboard-fetch-model");
    connection.setRequestProperty("Accept-Encoding", "identity");
    if (offset > 0) {
      connection.setRequestProperty("Range", "bytes=" + offset + "-");
    }
    if (order.token() != null && sameServer(at, order.url())) {
      connection.setRequestProperty("Authorization", "Bearer " + order.token());
    }
    return connection;
  }

  private URI follow(URI from, String location) throws FetchException {
    URI next;
    try {
      next = from.resolve(location);
    } catch (IllegalArgumentException wrong) {
      throw new FetchException(Reason.REFUSED, shown(from) + " redirects to what is no URL", wrong);
    }
    boolean web = "https".equalsIgnoreCase(next.getScheme());
    boolean clear =
        "http".equalsIgnoreCase(next.getScheme()) && "http".equalsIgnoreCase(from.getScheme());
    if (next.getHost() == null || !(web || clear)) {
      throw new FetchException(
          Reason.REFUSED, shown(from) + " redirects to " + shown(next) + ", which is less safe");
    }
    return next;
  }

  private Part part(HttpURLConnection connection, int status, long offset)
      throws IOException, FetchException {
    return switch (status) {
      case HttpURLConnection.HTTP_OK ->
          new Part(connection.getInputStream(), 0, connection.getContentLengthLong());
      case HttpURLConnection.HTTP_PARTIAL -> resumed(connection, offset);
      case RANGE_BEYOND_END -> {
        connection.disconnect();
        yield new Part(InputStream.nullInputStream(), offset, offset);
      }
      default -> throw unusable(connection, status);
    };
  }

  /** Thrown as it is where no other attempt would help. */
  private BusyException unusable(HttpURLConnection connection, int status) throws FetchException {
    String said = order.where() + " answers " + status;
    Duration wait = retryAfter(connection.getHeaderField("Retry-After"));
    connection.disconnect();
    if (status < 500
        && status != TOO_MANY_REQUESTS
        && status != HttpURLConnection.HTTP_CLIENT_TIMEOUT) {
      throw new FetchException(Reason.REFUSED, said);
    }
    return new BusyException(said, wait);
  }

  private static Part resumed(HttpURLConnection connection, long offset) throws IOException {
    Matcher range = RANGE.matcher(String.valueOf(connection.getHeaderField("Content-Range")));
    if (!range.matches() || Long.parseLong(range.group(1)) != offset) {
      connection.disconnect();
      throw new IOException("it resumes elsewhere than at byte " + offset);
    }
    long end = range.group(2).equals("*") ? -1 : Long.parseLong(range.group(2));
    return new Part(connection.getInputStream(), offset, end);
  }

  private static @Nullable Duration retryAfter(@Nullable String header) {
    if (header == null || !SECONDS.matcher(header).matches()) {
      return null;
    }
    Duration wait = Duration.ofSeconds(Long.parseLong(header));
    return wait.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : wait;
  }

  private static boolean sameServer(URI one, URI other) {
    return one.getScheme().equalsIgnoreCase(other.getScheme())
        && one.getHost().equalsIgnoreCase(other.getHost())
        && one.getPort() == other.getPort();
  }

  /** Without its query, which may be a signature. */
  static String shown(URI url) {
    return url.getScheme() + "://" + url.getRawAuthority() + url.getRawPath();
  }
}
