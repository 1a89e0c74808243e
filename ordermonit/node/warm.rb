# encoding: utf-8
#
# The booted process that stays after a session (keep_booted), and how the next session gets to it.
#
# It is forked from the booted one at a session's end and waits at a socket in the user's own
# directory. The next session's first process passes its stdin, stdout and stderr over that and
# waits; a fork of the kept process does all the rest, as if it had booted itself. So the kept one
# never has a lock, a client's line, or a task.
module Ordermonit
  LIFE = 7200         # seconds from a boot to the next, at most
  ROOM = 1024 * 1024  # the memory that a kept process may have, in KB
  ANSWER = 1          # seconds that it has to answer
  TURN = 10           # seconds after which it looks around, at most
  DOORS = "~/.ordermonit"
  MOST = 5000         # files of the release that are looked at, at most
  # What is not loaded as Ruby's own features are, and makes another application of a release.
  FILES = %w[REVISION Gemfile Gemfile.lock Rakefile .env* tmp/restart.txt] +
          %w[lib/tasks/**/* rakelib/**/* config/**/*]
  SAME = %w[tasks checks lock rake driver keep_booted]
  # Another one in each login, and nothing to an application.
  LOGIN = /\A(SSH_.*|XDG_SESSION_.*|_|SHLVL|PWD|OLDPWD)\z/

  class << self
    private

    # Ends here when a kept process takes the session, or when it only was to be ended.
    def hand_over
      @kept, @cold, @seconds = nil, nil, @settings["keep_booted"].to_f
      return unless @seconds > 0 || @settings["end"]
      return @cold = "this Ruby can't fork" unless FORKS
      @door = File.expand_path(number_of(File.expand_path(@settings["lock"])), DOORS)
      line = call
      leave("ended" => end_kept(line)) if @settings["end"]
      @identity = identity
      pass(line) if line
    rescue SystemCallError, ArgumentError => error # the latter: no home, or its path is too long
      @cold = text { error.message }
      leave("ended" => false) if @settings["end"]
    end

    # One lock, one session at a time, one kept process. (FNV-1a, since nothing may be required.)
    def number_of(string)
      string.each_byte.inject(14695981039346656037) do |number, byte|
        ((number ^ byte) * 1099511628211) & 0xffffffffffffffff
      end.to_s(36)
    end

    # The line to the kept process, if there is one.
    def call
      return unless File.socket?(@door)
      require "socket.so" # alone: what belongs to it may be a gem in another version
      line = UNIXSocket.new(@door)
      line.close_on_exec = true
      credentials = line.getsockopt(Socket::SOL_SOCKET, Socket::SO_PEERCRED)
      @keeper = credentials.data.unpack("i")[0]
      line
    rescue Errno::ECONNREFUSED # it was killed
      clear_away
      nil
    end

    def clear_away(door = @door)
      File.unlink(door) if File.exist?(door)
      Dir.rmdir(File.dirname(door))
    rescue SystemCallError
      nil # somebody else did, or has a door of its own there
    end

    def end_kept(line)
      return false unless line
      Process.kill(:TERM, @keeper)
      return true if IO.select([line], nil, nil, ANSWER)
      Process.kill(:KILL, @keeper)
      clear_away
      true
    rescue Errno::ESRCH # it ended just now
      true
    end

    # A kept process serves whoever has the same; looked at before a boot, so that nothing that
    # changes meanwhile is missed.
    def identity
      same = SAME.map { |key| [key, @settings[key]] }
      environment = ENV.to_hash.reject { |name, _| name =~ LOGIN }
      Hash[same].merge("rails_root" => Dir.pwd, "lock" => File.expand_path(@settings["lock"]),
                       "environment" => environment, "files" => files_of)
    end

    def files_of
      files = FILES.map { |pattern| Dir.glob(pattern, File::FNM_DOTMATCH) }.flatten
      files << __FILE__ if __FILE__.start_with?("/") # the driver of an installed copy
      files.first(MOST + 1).inject({}) { |all, file| all.merge!(file => looks(file)) }
    end

    def looks(file)
      found = File.stat(file)
      [found.ino, found.size, found.mtime.to_i, found.mtime.nsec]
    rescue SystemCallError
      nil
    end

    # Only whoever said yes gets our descriptors, so one that hangs can't take them up later.
    def pass(line)
      words = [Marshal.dump(@identity)].pack("m").delete("\n") + "\n"
      Thread.new { line.write(words) rescue nil } # it may not fit into the socket
      return hangs(line) unless IO.select([line], nil, nil, ANSWER)
      said = line.gets.to_s.chomp
      said == "yes" ? commit(line) : @cold = said
    rescue Errno::ECONNRESET # it ended just now
      @cold = "it ended"
    ensure
      line.close unless line.closed? # or the children of this boot would share it
    end

    # From here on the session is the other process's, whatever becomes of that; and this one waits.
    # Unless it is given back, before anything was read.
    def commit(line)
      @guard.kill
      ahead = read_ahead
      [@input, @output, STDERR].each { |io| line.send_io(io) }
      line.write([Marshal.dump([@settings, ahead])].pack("m").delete("\n") + "\n")
      said = line.gets
      exit!(said ? 0 : 1) unless said == "back\n"
      @input.ungetbyte(ahead) unless ahead.empty?
      @cold = "a session before this one was killed at work, and a connection is shared with it"
    rescue SystemCallError, IOError
      exit!(1)
    end

    # The session, to whoever passed it on. (Whoever did may be gone.)
    def give_back
      @lock.flock(File::LOCK_UN)
      @caller.write("back\n")
    ensure
      exit!(0)
    end

    # What stands in a pipe that all processes of a boot share, while a child works, where they share
    # a connection too. It stays when the child did not end its work, whoever was killed.
    def mark
      @mark[1].syswrite(".") if @mark && !marked?
    end

    def unmark
      @mark[0].sysread(1) if @mark && marked?
    end

    def marked?
      @mark && IO.select([@mark[0]], nil, nil, 0)
    end

    def hangs(line)
      @cold = "it did not answer within #{ANSWER} s"
      line.close # at once: nothing of this session is to reach it later
      Process.kill(:KILL, @keeper)
    rescue Errno::ESRCH
      nil # it ended just now
    end

    # What the client has sent by now, which Ruby may have in its buffer.
    def read_ahead
      IO.select([@input], nil, nil, 0) ? @input.readpartial(LINE) : ""
    rescue EOFError, SystemCallError
      ""
    end

    # At the end of a session: after a boot, or in place of what is kept and knows less. (What was
    # ended meanwhile stays ended.) It is as old as its boot.
    def stay
      return unless @identity && @seconds > 0 && !@spoilt
      return if @kept && (@kept != Process.ppid || @learned.size == @known)
      return if now > @booted + LIFE || @identity["files"].size > MOST || memory > ROOM
      @loaded = loaded_files
      return if @loaded.any? { |file, _| (File.mtime(file) rescue Time.now) > @begun_at }
      disconnect
      Process.wait(fork do
        Process.setsid
        fork { keep }
        exit!(0)
      end)
    rescue *SHORT # the next session boots
    end

    def loaded_files
      files = $LOADED_FEATURES.select { |file| file.start_with?("#{@identity["rails_root"]}/") }
      files.inject({}) { |all, file| all.merge!(file => looks(file)) }
    end

    # In KB; 0 where the system can't tell.
    def memory
      File.read("/proc/self/status")[/^VmRSS:\s+(\d+)/, 1].to_i
    rescue SystemCallError
      0
    end

    def keep
      @pid = @kept = Process.pid
      @cold = nil # that was of the session before
      @known, @identity["lock file"] = @learned.size, @lock.stat.ino
      let_go
      open_door
      @traps = %w[TERM INT HUP].map { |name| [name, trap(name) { close_door || exit!(0) }] }
      $0 = "ordermonit: keeps Rails booted for #{@identity["rails_root"]}"
      wait_for_sessions
      close_door
    ensure
      exit!(0)
    end

    # Of everything that is the last session's, or its release's.
    def let_go
      Process.setpgid(0, 0)
      (@own - @mark.to_a).each { |io| io.close unless io.closed? }
      @own, @arming = @mark.to_a, Mutex.new
      STDIN.reopen("/dev/null")
      [STDOUT, STDERR].each { |io| io.reopen("/dev/null", "w") }
      Dir.chdir("/")
      watch_over(3 * TURN)
      return unless shares_a_line?
      @mark ||= IO.pipe
      @mark.each { |io| io.close_on_exec = true }
    end

    # In a directory that is nobody else's; in place of what was kept before. Where it has no room,
    # as on a full disk, it ends and leaves nothing.
    def open_door
      require "socket"
      before, directory, new = call, File.dirname(@door), "#{@door}.#{@pid}"
      Dir.mkdir(directory, 0700) unless File.directory?(directory)
      found = File.lstat(directory)
      exit!(0) unless found.directory? && found.owned? && found.mode & 077 == 0
      @server = UNIXServer.new(new)
      @server.close_on_exec = true
      File.chmod(0600, new)
      File.rename(new, @door)
      @inode = File.stat(@door).ino
      before.close if before # which wakes it
    rescue SystemCallError
      clear_away(new)
      exit!(0)
    end

    # Also what was ours, if somebody else's stands in its place.
    def close_door
      clear_away if ours?
      nil
    end

    def ours?
      File.stat(@door).ino == @inode
    rescue SystemCallError
      false
    end

    # It looks around from time to time; a turn that does not come in time is its watchdog's. Where
    # another one has taken its door, it still serves whoever had knocked before.
    def wait_for_sessions
      last, sessions, ends = now, [], @booted + LIFE
      loop do
        tell(3 * TURN)
        ends = [ends, now + ANSWER].min unless ours?
        left = [ends, sessions.empty? ? last + @seconds : ends].min - now
        break if left <= 0 || !File.directory?(@identity["rails_root"]) || (@size = memory) > ROOM
        ready, = IO.select([@server, *sessions], nil, nil, [left, TURN].min)
        next unless ready
        ended = ready - [@server]
        ended.each { |session| session.close }
        sessions -= ended
        break if sessions.empty? && marked?
        ready.delete(@server) && (serve(@server.accept, sessions) || break)
        last = now unless ready.empty?
        reap
      end
    end

    def reap
      nil while Process.wait(-1, Process::WNOHANG)
    rescue Errno::ECHILD # that was the last one
    end

    # Whether to stay. The session's end is seen by the end of its pipe.
    def serve(line, sessions)
      words = line.gets or return line.close || true # somebody looked, and went
      changed = change(Marshal.load(words.unpack("m")[0]))
      line.write("#{changed}\n") if changed
      return false if changed
      theirs, ours = IO.pipe
      fork { take(line, ours, [theirs, *sessions]) }
      sessions << theirs
      [ours, line].each { |io| io.close }
      true
    rescue *SHORT, Errno::EPIPE, Errno::ECONNRESET
      line.close
      true
    end

    # What keeps it from serving a session with this identity, for people.
    def change(other)
      key = ["rails_root", *SAME].find { |name| other[name] != @identity[name] }
      return "#{key} has changed" if key
      variable = different(other["environment"], "environment")
      return "#{variable[0]} in its environment has changed" if variable
      file = different(other["files"], "files") || @loaded.find { |name, seen| looks(name) != seen }
      return "#{file[0]} has changed" if file
      "the lock is another file" if File.stat(@identity["lock"]).ino != @identity["lock file"]
    rescue SystemCallError
      "the lock is gone"
    end

    def different(others, key)
      mine = @identity[key]
      (mine.to_a - others.to_a).first || (others.to_a - mine.to_a).first
    end

    # The process of a session.
    def take(line, ours, others)
      @traps.each { |name, before| trap(name, before || "DEFAULT") }
      [@server, @watchdog, *others].each { |io| io.close }
      @pid, @watchdog = Process.pid, nil
      $0 = "ordermonit: a session in #{@identity["rails_root"]}"
      Process.setpgid(0, 0)
      @caller = line
      line.write("yes\n")
      input, output, errors = Array.new(3) { line.recv_io }
      @settings, ahead = Marshal.load(line.gets.unpack("m")[0])
      STDERR.reopen(errors)
      errors.close
      Dir.chdir(@identity["rails_root"])
      meet(input, output)
      input.ungetbyte(ahead) unless ahead.empty?
      [line, ours].each { |io| io.close_on_exec = true }
      @own.push(line, ours)
      engage
      session
    ensure
      depart
      finish
    end
  end
end
