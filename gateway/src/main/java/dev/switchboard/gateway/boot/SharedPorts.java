package dev.switchboard.gateway.boot;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.ServerSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.vertx.core.net.SocketAddress;
import io.vertx.core.transport.Transport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * Sockets of epoll, or the JDK's where its library cannot be loaded, whose listeners share their
 * ports ({@code SO_REUSEPORT}): a second gateway of the same user can listen beside the first, and
 * take over when that closes its own. Whether a port is taken by accident is checked before ({@link
 * ListenProbe}). {@code -Dio.netty.transport.noNative=true} leaves epoll out.
 */
final class SharedPorts implements Transport {
  private final boolean epoll;
  private final io.vertx.core.spi.transport.Transport sockets;
  private final Queue<ServerSocketChannel> listeners = new ConcurrentLinkedQueue<>();

  SharedPorts() {
    this(Transport.EPOLL != null && Transport.EPOLL.available());
  }

  SharedPorts(boolean epoll) {
    this.epoll = epoll;
    sockets = new Sockets((epoll ? Transport.EPOLL : Transport.NIO).implementation());
  }

  @Override
  public String name() {
    return epoll ? "epoll" : "nio";
  }

  @Override
  public boolean available() {
    return true;
  }

  @Override
  public @Nullable Throwable unavailabilityCause() {
    return null;
  }

  @Override
  public io.vertx.core.spi.transport.Transport implementation() {
    return sockets;
  }

  /** Closes the listeners of a port; connections that were accepted stay. */
  void close(int port) {
    for (ServerSocketChannel listener : listeners) {
      InetSocketAddress address = listener.localAddress();
      if (address != null && address.getPort() == port) {
        listener.close().awaitUninterruptibly();
      }
    }
  }

  private ServerSocketChannel open() {
    ServerSocketChannel listener = epoll ? openEpoll() : openNio();
    listeners.add(listener);
    return listener;
  }

  private static ServerSocketChannel openEpoll() {
    EpollServerSocketChannel listener = new EpollServerSocketChannel();
    listener.config().setReusePort(true);
    return listener;
  }

  private static ServerSocketChannel openNio() {
    try {
      java.nio.channels.ServerSocketChannel channel = java.nio.channels.ServerSocketChannel.open();
      if (channel.supportedOptions().contains(StandardSocketOptions.SO_REUSEPORT)) {
        channel.setOption(StandardSocketOptions.SO_REUSEPORT, true);
      }
      return new NioServerSocketChannel(channel);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private final class Sockets implements io.vertx.core.spi.transport.Transport {
    private final io.vertx.core.spi.transport.Transport base;

    Sockets(io.vertx.core.spi.transport.Transport base) {
      this.base = base;
    }

    @Override
    public boolean supportsDomainSockets() {
      return base.supportsDomainSockets();
    }

    @Override
    public java.net.SocketAddress convert(SocketAddress address) {
      return base.convert(address);
    }

    @Override
    public SocketAddress convert(java.net.SocketAddress address) {
      return base.convert(address);
    }

    @Override
    public IoHandlerFactory ioHandlerFactory() {
      return base.ioHandlerFactory();
    }

    @Override
    @SuppressWarnings("deprecation") // the interface names it
    public DatagramChannel datagramChannel(io.netty.channel.socket.InternetProtocolFamily family) {
      return base.datagramChannel(family);
    }

    @Override
    public ChannelFactory<? extends DatagramChannel> datagramChannelFactory() {
      return base.datagramChannelFactory();
    }

    @Override
    public ChannelFactory<? extends Channel> channelFactory(boolean domainSocket) {
      return base.channelFactory(domainSocket);
    }

    @Override
    public ChannelFactory<? extends ServerChannel> serverChannelFactory(boolean domainSocket) {
      return domainSocket ? base.serverChannelFactory(true) : SharedPorts.this::open;
    }
  }
}
