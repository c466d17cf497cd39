package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A connection of a client that waits for each answer on a thread of its own. */
final class ChaosClient implements AutoCloseable {
  private static final int PATIENCE_MS = 60_000;

  private final Socket socket = new Socket();
  private final ClientLedger ledger;

  /**
   * @throws java.net.ConnectException when nobody listens
   */
  ChaosClient(InetSocketAddress address, ClientLedger ledger) throws IOException {
    this(address, ledger, PATIENCE_MS);
  }

  /**
   * @param patienceMs for a byte
   * @throws java.net.ConnectException when nobody listens
   */
  ChaosClient(InetSocketAddress address, ClientLedger ledger, int patienceMs) throws IOException {
    this.ledger = ledger;
    try {
      socket.setTcpNoDelay(true);
      socket.setSoTimeout(patienceMs);
      socket.connect(address);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /**
   * Sends a request with a body that is large and the same for many clients. One that is refused
   * before it is read whole is still answered, so that a failure to send is told by {@link #read}.
   *
   * @param body of the question, as bytes
   */
  AnswerLog send(Question question, byte[] body) {
    AnswerLog answer = begin(question);
    try {
      socket
          .getOutputStream()
          .write(question.head(answer.id()).getBytes(StandardCharsets.US_ASCII));
      socket.getOutputStream().write(body);
    } catch (IOException e) {
      // What the server said before it closed is there to be read.
    }
    return answer;
  }

  private AnswerLog begin(Question question) {
    return new AnswerLog(ledger.named(question.stream()), question.stream());
  }

  /** Sends a request, whose answer is read by {@link #read}. */
  AnswerLog send(Question question) {
    AnswerLog answer = begin(question);
    try {
      socket.getOutputStream().write(question.bytes(answer.id()));
    } catch (IOException e) {
      answer.broke("while sending: " + e.getMessage());
    }
    return answer;
  }

  /** Reads an answer to its end, or until the connection breaks. */
  void read(AnswerLog answer) {
    HttpReader reader = new HttpReader(answer);
    byte[] bytes = new byte[16 << 10];
    try {
      while (!answer.ended()) {
        int read = socket.getInputStream().read(bytes);
        if (read < 0) {
          answer.broke("the connection was closed");
          return;
        }
        reader.feed(bytes, read);
      }
    } catch (IOException e) {
      answer.broke("while reading: " + e.getMessage());
    }
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      // It is gone either way.
    }
  }

  /**
   * What is asked.
   *
   * @param body JSON of ASCII characters
   * @param headers whole lines
   */
  record Question(String body, boolean stream, String headers) {
    Question(String body, boolean stream) {
      this(body, stream, "");
    }

    /** The same with more headers. */
    Question with(String lines) {
      return new Question(body, stream, lines);
    }

    /** A chat that generates exactly so many tokens; the seed alone decides which. */
    static Question of(String model, boolean stream, int maxTokens, int seed, String more) {
      return new Question(
          "{\"model\":\""
              + model
              + "\",\"stream\":"
              + stream
              + (stream ? ",\"stream_options\":{\"include_usage\":true}" : "")
              + ",\"ignore_eos\":true,\"temperature\":"
              + (seed % 4 == 0 ? 0 : 1)
              + ",\"seed\":"
              + seed
              + ",\"max_tokens\":"
              + maxTokens
              + more
              + ",\"messages\":[{\"role\":\"user\",\"content\":\"Question "
              + seed
              + "\"}]}",
          stream);
    }

    /** The whole request. */
    byte[] bytes(String id) {
      return (head(id) + body).getBytes(StandardCharsets.US_ASCII);
    }

    private String head(String id) {
      return "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: "
          + id
          + "\r\n"
          + headers
          + "Content-Type: application/json\r\nContent-Length: "
          + body.length()
          + "\r\n\r\n";
    }
  }
}
