package dev.switchboard.console.web;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * The console's own few files, compressed once. Browsers keep them and ask each time whether they
 * changed, so that a new version is seen at once.
 */
final class Assets extends HttpServlet {
  private static final long serialVersionUID = 1;

  private static final Map<String, String> TYPES =
      Map.of(
          "/console/console.js", "text/javascript;charset=utf-8",
          "/console/console.css", "text/css;charset=utf-8",
          "/charts/echarts.min.js", "text/javascript;charset=utf-8",
          "/favicon.svg", "image/svg+xml",
          "/favicon.ico", "image/svg+xml");

  /** Where they are mapped. */
  static final java.util.List<String> PATHS = java.util.List.copyOf(TYPES.keySet());

  private record Asset(byte[] body, byte[] packed, String tag) {}

  private final transient Map<String, Asset> assets = new ConcurrentHashMap<>();

  @Override
  protected void doGet(HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    String path = request.getServletPath();
    @Nullable String type = TYPES.get(path);
    if (type == null) {
      response.sendError(HttpServletResponse.SC_NOT_FOUND);
      return;
    }
    Asset asset = assets.computeIfAbsent(path, Assets::load);
    response.setHeader("Cache-Control", "no-cache");
    response.setHeader("ETag", asset.tag());
    response.setHeader("Vary", "Accept-Encoding");
    if (asset.tag().equals(request.getHeader("If-None-Match"))) {
      response.setStatus(HttpServletResponse.SC_NOT_MODIFIED);
      return;
    }
    String accepted = request.getHeader("Accept-Encoding");
    boolean packed = accepted != null && accepted.contains("gzip");
    if (packed) {
      response.setHeader("Content-Encoding", "gzip");
    }
    byte[] body = packed ? asset.packed() : asset.body();
    response.setContentType(type);
    response.setContentLength(body.length);
    response.getOutputStream().write(body);
  }

  private static Asset load(String path) {
    String file = path.equals("/favicon.ico") ? "/favicon.svg" : path;
    try (InputStream in = Assets.class.getResourceAsStream("/META-INF/resources" + file)) {
      if (in == null) {
        throw new IOException(file + " is not in the jar");
      }
      byte[] body = in.readAllBytes();
      ByteArrayOutputStream packed = new ByteArrayOutputStream();
      try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
        gzip.write(body);
      }
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(body);
      String tag = "\"" + HexFormat.of().formatHex(hash, 0, 12) + "\"";
      return new Asset(body, packed.toByteArray(), tag);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
