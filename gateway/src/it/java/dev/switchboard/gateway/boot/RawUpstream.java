package dev.switchboard.gateway.boot;

import dev.switchboard.testing.Await;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A server that answers a POST with whatever bytes a test wants, and a GET as it should be. */
final class RawUpstream implements AutoCloseable {
  /** What came of a POST: its connection's number, and how that went on after the answer. */
  record Seen(int connection, String after) {}

  private static final Pattern LENGTH = Pattern.compile("(?i)content-length: *(\\d{1,9})\\r");
  private static final String MODELS = "{\"object\":\"list\",\"data\":[{\"id\":\"m\"}]}";

  final BlockingQueue<Seen> seen = new LinkedBlockingQueue<>();

  /** Heads of POSTs, as they came, one character a byte. */
  final BlockingQueue<String> heads = new LinkedBlockingQueue<>();

  private final ServerSocket listener = new ServerSocket(0, 64, InetAddress.getLoopbackAddress());
  private volatile String answer = "";
  private volatile boolean closes;

  RawUpstream() throws IOException {
    Thread.ofVirtual().start(this::accept);
  }

  URI url() {
    return URI.create("http://127.0.0.1:" + listener.getLocalPort());
  }

  /**
   * What the next POSTs get.
   *
   * @param bytes one character a byte
   * @param thenClose closes after them; else it waits for what the other side does
   */
  void answers(String bytes, boolean thenClose) {
    answer = bytes;
    closes = thenClose;
  }

  static String good(String body) {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        + body.length()
        + "\r\n\r\n"
        + body;
  }

  private void accept() {
    int number = 0;
    try {
      for (; ; ) {
        Socket socket = listener.accept();
        int connection = number++;
        Thread.ofVirtual().start(() -> serve(socket, connection));
      }
    } catch (IOException closed) {
      // The test is over.
    }
  }

  private void serve(Socket socket, int connection) {
    try (socket) {
      socket.setTcpNoDelay(true);
      for (String head = head(socket); !head.isEmpty(); head = head(socket)) {
        Matcher length = LENGTH.matcher(head);
        socket.getInputStream().readNBytes(length.find() ? Integer.parseInt(length.group(1)) : 0);
        if (head.startsWith("GET ")) {
          write(socket, good(MODELS));
        } else {
          heads.add(head);
          if (!post(socket, connection)) {
            return;
          }
        }
      }
    } catch (IOException gone) {
      // The gateway closed it.
    }
  }

  /** Answers; says whether the connection is there for another request. */
  private boolean post(Socket socket, int connection) throws IOException {
    String bytes = answer;
    boolean close = closes;
    try {
      write(socket, bytes);
    } catch (IOException early) {
      seen.add(new Seen(connection, "closed"));
      return false;
    }
    if (close) {
      seen.add(new Seen(connection, "closed"));
      return false;
    }
    if (bytes.startsWith("HTTP/1.1 200 OK") && bytes.endsWith("}") && isWhole(bytes)) {
      seen.add(new Seen(connection, "open"));
      return true;
    }
    seen.add(new Seen(connection, fate(socket)));
    return false;
  }

  /** A good answer and nothing more. */
  private static boolean isWhole(String bytes) {
    int body = bytes.indexOf("\r\n\r\n") + 4;
    Matcher length = LENGTH.matcher(bytes.substring(0, body));
    return length.find() && Integer.parseInt(length.group(1)) == bytes.length() - body;
  }

  /** What the other side does with a connection after a bad answer. */
  private static String fate(Socket socket) {
    try {
      socket.setSoTimeout(Await.LIMIT_MS);
      return socket.getInputStream().read() < 0 ? "closed" : "reused";
    } catch (SocketTimeoutException silent) {
      return "left open";
    } catch (IOException reset) {
      return "closed";
    }
  }

  private static void write(Socket socket, String bytes) throws IOException {
    OutputStream out = socket.getOutputStream();
    out.write(bytes.getBytes(StandardCharsets.ISO_8859_1));
    out.flush();
  }

  private static String head(Socket socket) throws IOException {
    StringBuilder head = new StringBuilder();
    InputStream in = socket.getInputStream();
    for (int next = in.read(); next >= 0; next = in.read()) {
      head.append((char) next);
      if (next == '\n' && head.toString().endsWith("\r\n\r\n")) {
        return head.toString();
      }
    }
    return "";
  }

  @Override
  public void close() throws IOException {
    listener.close();
  }
}
