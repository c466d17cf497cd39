package dev.switchboard.gateway.boot;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Raw requests whose end two servers could see in different places, or that are no HTTP/1.1 at all.
 *
 * <p>In each, placeholders stand for what its {@link Target} serves, and for the case's own id:
 * whatever a server takes for a request body carries it, and what would be a second, hidden request
 * carries it with {@code -hidden} behind.
 */
final class FramingCorpus {
  /**
   * One case.
   *
   * @param group which part of the grammar it breaks
   * @param bytes one character a byte
   */
  record Case(String group, String bytes) {
    String id(int number) {
      return group.replace(' ', '-') + "-" + number;
    }
  }

  /**
   * What a listener is asked for: something that it serves, so that whoever takes a case for a
   * request does not refuse it for another reason.
   *
   * @param lines of the head, behind one that is exactly a {@code Host}
   * @param body {@code @ID} in it stands for the case's own id, or for the hidden request's
   */
  record Target(String path, String host, String lines, String body) {
    static Target completion(String model) {
      return new Target(
          "/v1/chat/completions",
          "a",
          "",
          "{\"model\":\""
              + model
              + "\",\"max_tokens\":1,\"user\":\"@ID\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    }
  }

  private static final String BODY = "@BODY";
  private static final String LINE = "POST @PATH HTTP/1.1\r\n";
  private static final String LENGTH = "Content-Length: @LENGTH\r\n";
  private static final String CHUNKED = "Transfer-Encoding: chunked\r\n";
  private static final String HIDDEN =
      LINE + "Host: @HOST\r\nContent-Length: @HIDDEN_LENGTH\r\n\r\n@HIDDEN_BODY";

  private final List<Case> cases = new ArrayList<>();

  /** Every case; each must be refused, or its connection closed without an answer. */
  static List<Case> refused() {
    FramingCorpus corpus = new FramingCorpus();
    corpus.lengths();
    corpus.lengthAndCoding();
    corpus.codings();
    corpus.names();
    corpus.folds();
    corpus.lineEnds();
    corpus.chunks();
    corpus.hosts();
    corpus.twice();
    corpus.requestLines();
    return corpus.cases;
  }

  /** Odd, but with one meaning only: each must be taken for exactly one request, or be refused. */
  static List<Case> odd() {
    FramingCorpus corpus = new FramingCorpus();
    corpus.legal();
    return corpus.cases;
  }

  /** What a case sends to a target, its id and lengths filled in. */
  static String bytes(Case one, Target target, String id) {
    String body = target.body.replace("@ID", id);
    String hidden = target.body.replace("@ID", id + "-hidden");
    return one.bytes
        .replace("Host: @HOST\r\n", "Host: @HOST\r\n" + target.lines)
        .replace("@HIDDEN_BODY", hidden)
        .replace("@HIDDEN_LENGTH", Integer.toString(hidden.length()))
        .replace("@BODY", body)
        .replace("@HEX", Integer.toHexString(body.length()))
        .replace("@LENGTH", Integer.toString(body.length()))
        .replace("@PATH", target.path)
        .replace("@HOST", target.host);
  }

  /** The same, as the last request of its connection. */
  static String last(Case one, Target target, String id) {
    String lines = target.lines + "Connection: close\r\n";
    return bytes(one, new Target(target.path, target.host, lines, target.body), id);
  }

  private void add(String group, String bytes) {
    cases.add(new Case(group, bytes));
  }

  /** A POST with these header lines, its body, and a request hidden behind it. */
  private void post(String group, String headers) {
    add(group, LINE + "Host: @HOST\r\n" + headers + "\r\n" + BODY + HIDDEN);
  }

  private void chunkedPost(String group, String headers) {
    String chunks = "@HEX\r\n" + BODY + "\r\n0\r\n\r\n";
    add(group, LINE + "Host: @HOST\r\n" + headers + "\r\n" + chunks + HIDDEN);
  }

  private void lengths() {
    for (String value :
        List.of(
            "+@LENGTH",
            "-1",
            "-@LENGTH",
            "abc",
            "0x4",
            "@LENGTH,@LENGTH",
            "@LENGTH, 5",
            "@LENGTH;",
            "@LENGTH 4",
            "4\t4",
            "",
            " ",
            "1e1",
            "4.0",
            "\"4\"",
            "99999999999999999999",
            "18446744073709551620",
            "@LENGTH\u0000",
            "@LENGTH\u000b",
            "\u000b@LENGTH",
            "\u00b2",
            "infinity",
            "_1",
            "1_0")) {
      post("length value", "Content-Length: " + value + "\r\n");
    }
    post("two lengths", LENGTH + "Content-Length: 5\r\n");
    post("two lengths", "Content-Length: 5\r\n" + LENGTH);
    post("two lengths", LENGTH + LENGTH);
    post("two lengths", LENGTH + "content-length: 0\r\n");
    post("two lengths", LENGTH + "Content-Length:\r\n");
  }

  private void lengthAndCoding() {
    chunkedPost("length and coding", "Content-Length: 6\r\n" + CHUNKED);
    chunkedPost("length and coding", CHUNKED + "Content-Length: 6\r\n");
    chunkedPost("length and coding", CHUNKED + "Content-Length: 0\r\n");
    chunkedPost("length and coding", LENGTH + "Transfer-Encoding: Chunked\r\n");
    chunkedPost("length and coding", LENGTH + "Transfer-Encoding: identity\r\n");
    chunkedPost("length and coding", LENGTH + "Transfer-Encoding:\r\n");
  }

  private void codings() {
    for (String value :
        List.of(
            "identity",
            "gzip",
            "deflate",
            "chunked, identity",
            "identity, chunked",
            "gzip, chunked",
            "chunked, chunked",
            "chunked,",
            ", chunked",
            "xchunked",
            "chunkedx",
            "chunked;q=1",
            "\"chunked\"",
            "'chunked'",
            "chun ked",
            "chunked\u0000",
            "\u000bchunked",
            "chunked\u000b",
            "\u00a0chunked",
            "cow",
            "",
            "trailers",
            "\u0001chunked",
            "CHUNKED, x")) {
      chunkedPost("coding value", "Transfer-Encoding: " + value + "\r\n");
    }
    chunkedPost("two codings", CHUNKED + "Transfer-Encoding: identity\r\n");
    chunkedPost("two codings", "Transfer-Encoding: identity\r\n" + CHUNKED);
    chunkedPost("two codings", CHUNKED + CHUNKED);
    add(
        "coding in 1.0",
        LINE.replace("1.1", "1.0") + CHUNKED + "\r\n@HEX\r\n" + BODY + "\r\n0\r\n\r\n" + HIDDEN);
    add(
        "coding in 1.0",
        LINE.replace("1.1", "1.0")
            + "Connection: keep-alive\r\n"
            + LENGTH
            + CHUNKED
            + "\r\n"
            + BODY
            + HIDDEN);
  }

  private void names() {
    for (String line :
        List.of(
            "Content-Length : @LENGTH",
            "Content-Length\t: @LENGTH",
            "Content-Length\u0000: @LENGTH",
            "Content-Length\u0001: @LENGTH",
            "Content-Length\u000b: @LENGTH",
            "Content Length: @LENGTH",
            "(Content-Length): @LENGTH",
            "Content-Length",
            ": @LENGTH",
            "Content\u00e9-Length: 1",
            "\u00a0Content-Length: @LENGTH",
            "X\u007f: 1",
            "X: a\u0000b",
            "X: a\u0007b")) {
      post("name", line + "\r\n");
    }
    for (String line :
        List.of(
            "Transfer-Encoding : chunked",
            "Transfer-Encoding\t: chunked",
            "Transfer\u00e9-Encoding: chunked",
            "Transfer-Encoding\u0000: chunked",
            "[Transfer-Encoding]: chunked")) {
      chunkedPost("name", line + "\r\n");
    }
  }

  private void folds() {
    post("fold", "X: a\r\n b\r\n" + LENGTH);
    post("fold", "X: a\r\n\tContent-Length: 5\r\n" + LENGTH);
    post("fold", "Content-Length:\r\n @LENGTH\r\n");
    post("fold", "X:\r\n \r\n" + LENGTH);
    chunkedPost("fold", "Transfer-Encoding:\r\n chunked\r\n");
    chunkedPost("fold", "Transfer-Encoding: chunked\r\n , identity\r\n");
    add("fold", LINE + " Host: @HOST\r\n" + LENGTH + "\r\n" + BODY + HIDDEN);
    add("fold", LINE + "\tX: a\r\nHost: @HOST\r\n" + LENGTH + "\r\n" + BODY + HIDDEN);
  }

  private void lineEnds() {
    add("line end", LINE.replace("\r\n", "\n") + "Host: @HOST\n" + LENGTH + "\r\n" + BODY + HIDDEN);
    add("line end", LINE + "Host: @HOST\n" + LENGTH + "\r\n" + BODY + HIDDEN);
    add("line end", LINE + "Host: @HOST\r\nContent-Length: @LENGTH\n\r\n" + BODY + HIDDEN);
    add("line end", LINE + "Host: @HOST\r\nContent-Length: @LENGTH\r\n\n" + BODY + HIDDEN);
    add("line end", LINE + "Host: @HOST\r" + LENGTH + "\r\n" + BODY + HIDDEN);
    post("line end", "X: a\rContent-Length: 5\r\n" + LENGTH);
    post("line end", "X: a\nContent-Length: 5\r\n" + LENGTH);
    post("line end", "X: a\r\r\n" + LENGTH);
    post("line end", "Content-Length: @LENGTH\r\r\n");
    chunkedPost("line end", "X: a\rTransfer-Encoding: chunked\r\n");
    chunkedPost("line end", "X: a\nTransfer-Encoding: chunked\r\n");
    add("line end", LINE.replace("\r\n", "\r") + "Host: @HOST\r\n" + LENGTH + "\r\n" + BODY);
  }

  private void chunks() {
    for (String size :
        List.of(
            "g",
            "-2",
            "+2",
            "0x2",
            "2 2",
            "",
            " ",
            "1_0",
            "FFFFFFFFFFFFFFFFF",
            "10000000000000002",
            "7FFFFFFFFFFFFFFF",
            "80000000",
            "\u00b2",
            "2\u0000",
            "2,2",
            "2.0",
            "@HEX\n",
            "@HEX\r",
            "@HEX;a\n",
            "@HEX;\n",
            "@HEX;a=\"\n\"",
            "@HEX;a\rb")) {
      chunks("chunk size", size + "\r\n" + BODY + "\r\n0\r\n\r\n");
    }
    for (char c = 0; c <= 0x20; c++) {
      chunks("chunk size", "@HEX" + c + "\r\n" + BODY + "\r\n0\r\n\r\n");
      chunks("chunk size", c + "@HEX\r\n" + BODY + "\r\n0\r\n\r\n");
    }
    for (String end :
        List.of("\u007f", "\u0080", "\u00a0", "\u00ff", ";", ";=", ";a b", ";a=\"", "x")) {
      chunks("chunk size", "@HEX" + end + "\r\n" + BODY + "\r\n0\r\n\r\n");
      chunks("chunk size", "@HEX\r\n" + BODY + "\r\n0" + end + "\r\n\r\n");
    }
    chunks("chunk end", "@HEX\r\n" + BODY + "XX\r\n0\r\n\r\n");
    chunks("chunk end", "@HEX\r\n" + BODY + "0\r\n\r\n");
    chunks("chunk end", "@HEX\r\n" + BODY + "\n0\r\n\r\n");
    chunks("chunk end", "@HEX\r\n" + BODY + "\r0\r\n\r\n");
    chunks("chunk end", "5\r\n" + BODY + "\r\n0\r\n\r\n");
    chunks("trailer", "@HEX\r\n" + BODY + "\r\n0\r\nX: a\r\n b\r\n\r\n");
    chunks("trailer", "@HEX\r\n" + BODY + "\r\n0\r\nX : a\r\n\r\n");
    chunks("trailer", "@HEX\r\n" + BODY + "\r\n0\r\nX\u0000: a\r\n\r\n");
    chunks("trailer", "@HEX\r\n" + BODY + "\r\n0\r\nX: a\nY: b\r\n\r\n");
    chunks("trailer", "@HEX\r\n" + BODY + "\r\n0\r\n" + "X: " + "a".repeat(40_000) + "\r\n\r\n");
  }

  private void chunks(String group, String chunks) {
    add(group, LINE + "Host: @HOST\r\n" + CHUNKED + "\r\n" + chunks + HIDDEN);
  }

  private void twice() {
    for (String line :
        List.of("Authorization: Bearer a", "Content-Type: application/json", "Origin: null")) {
      post("twice", line + "\r\n" + line.toLowerCase(Locale.ROOT) + "\r\n" + LENGTH);
    }
  }

  private void hosts() {
    for (String hosts :
        List.of(
            "",
            "Host: @HOST\r\nHost: b\r\n",
            "Host: @HOST\r\nHost: @HOST\r\n",
            "Host: @HOST\r\nhost: b\r\n",
            "Host: @HOST b\r\n",
            "Host: @HOST/b\r\n",
            "Host: u@@HOST\r\n",
            "Host: @HOST?b\r\n",
            "Host: @HOST#b\r\n",
            "Host: @HOST,b\r\n",
            "Host: @HOST:b\r\n",
            "Host: @HOST\u0001\r\n",
            "Host : @HOST\r\n")) {
      add("host", LINE + hosts + LENGTH + "\r\n" + BODY + HIDDEN);
    }
  }

  private void requestLines() {
    String target = "@PATH";
    for (String line :
        List.of(
            "POST " + target,
            "POST " + target + " http/1.1",
            "POST " + target + " HTTP/2.0",
            "POST " + target + " HTTP/1.2",
            "POST " + target + " HTTP/0.9",
            "POST " + target + " HTTP/11",
            "POST " + target + " HTTP/1.1.1",
            "POST " + target + " HTTP/1.1 x",
            "POST " + target + " x HTTP/1.1",
            "POST  HTTP/1.1",
            "POST " + target + "\u0000 HTTP/1.1",
            "POST " + target + "\u00e9 HTTP/1.1",
            "POST\u0000 " + target + " HTTP/1.1",
            "PO(ST " + target + " HTTP/1.1",
            "post " + target + " HTTP/1.1",
            "POST \r " + target + " HTTP/1.1",
            "GET " + target + " HTTP/1.1",
            "CONNECT a:1 HTTP/1.1",
            "TRACE " + target + " HTTP/1.1",
            "PRI * HTTP/2.0",
            "OPTIONS * HTTP/1.1",
            "POST http://other" + target + " HTTP/1.1",
            "POST http://u@@HOST" + target + " HTTP/1.1",
            "POST http://@HOST:1" + target + " HTTP/1.1",
            "POST ftp://@HOST" + target + " HTTP/1.1",
            "POST //" + target + "\\ HTTP/1.1",
            "POST " + target + "#x HTTP/1.1",
            "POST * HTTP/1.1",
            "POST\t" + target + " HTTP/1.1",
            "POST " + target + "\tHTTP/1.1",
            "POST  " + target + " HTTP/1.1",
            "POST " + target + "  HTTP/1.1",
            "POST " + target + " HTTP/1.1 ",
            " POST " + target + " HTTP/1.1",
            "\u0000POST " + target + " HTTP/1.1",
            "\u0085POST " + target + " HTTP/1.1",
            "POST " + target + " HTTP/3.0",
            "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003",
            "HTTP/1.1 200 OK",
            "POST " + target + "a".repeat(10_000) + " HTTP/1.1")) {
      add("request line", line + "\r\nHost: @HOST\r\n" + LENGTH + "\r\n" + BODY);
    }
    add("request line", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\u0000\u0000\u0000\u0004\u0000");
  }

  private void legal() {
    String end = "\r\n" + BODY;
    add("odd", "\r\n" + LINE + "Host: @HOST\r\n" + LENGTH + end);
    add("odd", LINE + "Host: @HOST\r\ncontent-LENGTH:@LENGTH\r\n" + end);
    add("odd", LINE + "Host: @HOST\r\nContent-Length:   \t@LENGTH \t \r\n" + end);
    add("odd", LINE + "Host: @HOST\r\nContent-Length: 000@LENGTH\r\n" + end);
    add("odd", LINE + "Host: @HOST\r\nContent_Length: 5\r\n" + LENGTH + end);
    add(
        "odd",
        LINE + "Host: @HOST\r\nConnection: Content-Length, Transfer-Encoding\r\n" + LENGTH + end);
    add("odd", LINE + "Host: @HOST\r\nTE: trailers, chunked\r\n" + LENGTH + end);
    add("odd", LINE + "Host: @HOST\r\nX: \u00e9\u00ff\r\n" + LENGTH + end);
    add(
        "odd",
        LINE
            + "Host: @HOST\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            + "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
            + LENGTH
            + end);
    add(
        "odd",
        LINE + "Host: @HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + LENGTH + end);
    String chunks = "\r\n@HEX\r\n" + BODY + "\r\n0\r\n\r\n";
    add("odd", LINE + "Host: @HOST\r\nTRANSFER-encoding: CHUNKED \r\n" + chunks);
    add(
        "odd",
        LINE + "Host: @HOST\r\n" + CHUNKED + "\r\n000@HEX;a=b;c\r\n" + BODY + "\r\n0\r\n\r\n");
    add(
        "odd",
        LINE
            + "Host: @HOST\r\n"
            + CHUNKED
            + "\r\n@HEX\r\n"
            + BODY
            + "\r\n0\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n\r\n");
    add("odd", "POST http://@HOST@PATH HTTP/1.1\r\nHost: @HOST\r\n" + LENGTH + end);
    add(
        "odd",
        LINE
            + "Host: @HOST\r\n"
            + CHUNKED
            + "\r\n@HEX ;\ta = \"b;\\\"c\" ; d\r\n"
            + BODY
            + "\r\n0;e\r\n\r\n");
  }
}
