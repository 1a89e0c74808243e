# The node's rake, with Ruby and the libraries loaded: each session is forked from here, since to
# start them takes longer than all that a session does. Usage: server.rb SOCKET
#
# A session has its own process, descriptors, environment and exit status, as any rake has.

require "cgi"
require "json"
require "net/http"
require "rake"
require "socket"

def become(words, environment, directory, streams)
  [STDIN, STDOUT, STDERR].zip(streams) { |ours, theirs| ours.reopen(theirs) }
  streams.each(&:close)
  ENV.replace(environment)
  Dir.chdir(directory)
  Rake.application.run(words)
end

def serve(client, server)
  streams = Array.new(3) { client.recv_io }
  words, pairs, directory = client.gets("\2").chomp("\2").split("\1").map { |part| part.split("\0") }
  pid = fork do
    [client, server].each(&:close)
    become(words, pairs.to_h { |pair| pair.split("=", 2) }, directory.first, streams)
  end
  streams.each(&:close)
  _, status = Process.wait2(pid)
  client.write(status.exitstatus || (128 + status.termsig))
rescue Errno::EPIPE # nobody waits for it any more
ensure
  client.close
end

GC.start
GC.disable # a session is short, and to look for garbage would copy all that it shares with us
server = UNIXServer.new(ARGV.fetch(0))
loop { Thread.new(server.accept) { |client| serve(client, server) } }
