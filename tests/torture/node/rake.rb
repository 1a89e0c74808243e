# rake, as the configuration names it: hands its descriptors and words to server.rb, and ends as the
# session there ends. Usage: rake.rb SOCKET WORD…

require "socket"

server = UNIXSocket.new(ARGV.shift)
streams = [STDIN, STDOUT, STDERR]
streams.each { |stream| server.send_io(stream) }
parts = [ARGV, ENV.map { |pair| pair.join("=") }, [Dir.pwd]]
server.write(parts.map { |part| part.join("\0") }.join("\1"), "\2")
streams.each { |stream| stream.reopen("/dev/null", "r+") } # their end is the session's to see
exit Integer(server.read)
