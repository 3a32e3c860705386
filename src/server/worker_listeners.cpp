// Which sockets a worker accepts from, how they change, and how a listener that is gone drains.
#include <algorithm>
#include <utility>

#include "server/worker_parts.hpp"

namespace weir::server {

std::expected<void, std::string> Worker::listen(std::vector<NewSocket> sockets) {
  for (NewSocket& socket : sockets) {
    if (auto opened = open(std::move(socket)); !opened) return opened;
  }
  return {};
}

std::expected<void, std::string> Worker::open(NewSocket socket) {
  Listener& listener = listener_of(socket.edition);
  auto one = std::make_unique<Socket>(*this, listener, socket.id, socket.deal_out);
  auto acceptor = net::Acceptor::open(loop_, std::move(socket.socket), *one, socket.passed);
  if (!acceptor) {
    return std::unexpected("listener " + socket.edition->config.name + ": " + socket.address +
                           ": " + acceptor.error());
  }
  one->acceptor = std::move(*acceptor);
  sockets_.push_back(std::move(one));
  return {};
}

Worker::Listener& Worker::listener_of(const EditionPtr& edition) {
  if (Listener* const known = find_listener(edition->number)) return *known;
  auto made = std::make_unique<Listener>(edition);
  made->draining = draining_;
  if (gateway_) gateway_->add_listener(edition->number, edition->config.name);
  return *listeners_.emplace(edition->number, std::move(made)).first->second;
}

Worker::Listener* Worker::find_listener(unsigned number) noexcept {
  const auto found = listeners_.find(number);
  return found == listeners_.end() ? nullptr : found->second.get();
}

void Worker::change_listeners(ListenerUpdate update, std::function<void(Faults)> done) {
  loop_.mailbox().post([this, update = std::move(update), done = std::move(done)]() mutable {
    Faults faults;
    for (auto& [id, edition] : update.moved) {
      Listener& listener = listener_of(edition);
      listener.edition = edition;
      for (const auto& socket : sockets_) {
        if (socket->id == id && !socket->closed) socket->listener = &listener;
      }
    }
    for (NewSocket& socket : update.opened) {
      listener_of(socket.edition).edition = socket.edition;
      // A worker that gives up its sockets for good takes no more of them.
      if (aborted_ || closing_) continue;
      if (auto opened = open(std::move(socket)); !opened) faults.push_back(opened.error());
    }
    done(std::move(faults));
  });
}

void Worker::close(Socket& socket, std::function<void()> done) {
  if (socket.closed) return done();
  socket.waiting.push_back(std::move(done));
  if (std::exchange(socket.closes, true)) return;
  // A look at the kernel's connections takes it long where there are many: on another thread.
  const net::Acceptor::Ask ask = [this, &socket](std::function<bool()> question,
                                                 std::function<void(bool)> told) {
    ++socket.asked;
    const auto answer = [this, &socket, told = std::move(told)](bool under_way) {
      --socket.asked;
      told(under_way);
      if (socket.closed) free_later(socket.id);
    };
    net::Mailbox& mailbox = loop_.mailbox();
    Offload::Job job = [question, answer, &mailbox] {
      mailbox.post([answer, under_way = question()] { answer(under_way); });
    };
    if (!process_->offload.try_post(std::move(job))) answer(question());
  };
  socket.acceptor->close(
      [this, &socket] {
        socket.closed = true;
        socket.listener = nullptr;
        free_later(socket.id);
        for (const auto& told : std::exchange(socket.waiting, {})) told();
      },
      ask);
}

// The acceptor that tells its end is still at work, and an answer that came too late may follow.
void Worker::free_later(unsigned id) {
  loop_.mailbox().post([this, id] {
    std::erase_if(sockets_, [id](const auto& socket) {
      return socket->id == id && socket->closed && socket->asked == 0;
    });
  });
}

void Worker::close_sockets(std::vector<unsigned> ids, std::function<void()> done) {
  loop_.mailbox().post([this, ids = std::move(ids), done = std::move(done)] {
    std::vector<Socket*> closing;
    for (const auto& socket : sockets_) {
      if (std::ranges::find(ids, socket->id) != ids.end()) closing.push_back(socket.get());
    }
    if (closing.empty()) return done();
    const auto left = std::make_shared<std::size_t>(closing.size());
    for (Socket* socket : closing) {
      close(*socket, [left, done] {
        if (--*left == 0) done();
      });
    }
  });
}

void Worker::close_listeners(std::function<void()> done) {
  loop_.mailbox().post([this, done = std::move(done)] {
    closing_ = true;
    if (sockets_.empty()) return done();
    const auto left = std::make_shared<std::size_t>(sockets_.size());
    for (const auto& socket : sockets_) {
      close(*socket, [left, done] {
        if (--*left == 0) done();
      });
    }
  });
}

void Worker::leave_listeners(std::function<void()> done) {
  loop_.mailbox().post([this, done = std::move(done)] {
    closing_ = true;
    // Addresses that are being given up are not handed over: who waits in their queues is served.
    std::vector<Socket*> given_up;
    for (const auto& socket : sockets_) {
      if (socket->closed) continue;
      if (socket->closes) {
        given_up.push_back(socket.get());
        continue;
      }
      socket->acceptor->leave();
      socket->closed = true;
      socket->listener = nullptr;
      free_later(socket->id);
    }
    if (given_up.empty()) return done();
    const auto left = std::make_shared<std::size_t>(given_up.size());
    for (Socket* socket : given_up) {
      close(*socket, [left, done] {
        if (--*left == 0) done();
      });
    }
  });
}

void Worker::retire(unsigned number, std::function<void()> done) {
  loop_.mailbox().post([this, number, done = std::move(done)]() mutable {
    Listener* const listener = find_listener(number);
    if (listener == nullptr) return done();
    listener->emptied = std::move(done);
    listener->draining = true;
    for (net::Stream* stream : listener->handshakes) stream->nudge_reader();
    for (codec::ServerConnection* connection : listener->connections) connection->drain();
    check_retired(*listener);
  });
}

void Worker::check_retired(Listener& listener) {
  if (!listener.emptied || listener.open != 0) return;
  // The task that calls this may still be at its end, which is a turn away.
  loop_.mailbox().post([this, number = listener.edition->number] { forget(number); });
}

void Worker::forget(unsigned number) {
  Listener* const listener = find_listener(number);
  if (listener == nullptr || !listener->emptied || listener->open != 0) return;
  const auto told = std::move(listener->emptied);
  listeners_.erase(number);
  gateway_->remove_listener(number);
  told();
}

unsigned Worker::abort(Listener& listener) {
  unsigned cut = 0;
  for (net::Stream* stream : listener.handshakes) stream->reset();
  for (codec::ServerConnection* connection : listener.connections) {
    if (connection->in_flight()) ++cut;
    connection->abort();
  }
  return cut;
}

void Worker::cut(unsigned number, std::function<void(unsigned)> done) {
  loop_.mailbox().post([this, number, done = std::move(done)] {
    Listener* const listener = find_listener(number);
    done(listener == nullptr ? 0 : abort(*listener));
  });
}

void Worker::drain() {
  loop_.mailbox().post([this] {
    draining_ = true;
    for (const auto& [number, listener] : listeners_) {
      listener->draining = true;
      for (net::Stream* stream : listener->handshakes) stream->nudge_reader();
      for (codec::ServerConnection* connection : listener->connections) connection->drain();
    }
  });
}

void Worker::undrain() {
  loop_.mailbox().post([this] {
    draining_ = false;
    for (const auto& [number, listener] : listeners_) {
      if (listener->emptied) continue;  // it is gone, and drains whatever the others do
      listener->draining = false;
      for (codec::ServerConnection* connection : listener->connections) connection->undrain();
    }
  });
}

void Worker::abort(std::function<void(unsigned)> done) {
  loop_.mailbox().post([this, done = std::move(done)] {
    aborted_ = true;
    unsigned cut = 0;
    for (const auto& [number, listener] : listeners_) cut += abort(*listener);
    done(cut);
  });
}

}  // namespace weir::server
